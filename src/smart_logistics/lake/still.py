"""The lakehouse as it was at one moment, for whoever compares its tables while others go on writing them.

Every log is opened once, when this is made; whatever is read later is that version. Less than a few rows are read by
the driver itself: Spark would spend a second on the table's log and nothing on its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.lake import at_hand
from smart_logistics.lake.at_hand import Where
from smart_logistics.lake.reading import Reader
from smart_logistics.lake.state import State, state

_FEW_ROWS, _FEW_BYTES = 20_000, 8 * 1024 * 1024
# With few rows, compiling code, broadcasting and planning again in the middle cost more than they save.
_FOR_FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
}


class Still(Reader):
    """All tables of one moment. The caller keeps the jobs from writing while it is made, or takes them as they are."""

    def __init__(self, spark: SparkSession, root: str, job: str) -> None:
        super().__init__(spark, root, job)
        self.states: dict[str, State] = {table.full_name: state(root, table) for table in contracts.ALL_TABLES}
        self._read: dict[str, DataFrame] = {}

    def state(self, table: Table) -> State:
        """Return the table's log."""
        return self.states[table.full_name]

    def is_small(self, table: Table) -> bool:
        """Whether the table is read by the driver itself."""
        found = self.state(table)
        return found.rows < _FEW_ROWS and found.bytes < _FEW_BYTES

    def read(self, table: Table) -> DataFrame:
        """Return the table as of this moment."""
        found = self.state(table)
        if found.delta is not None and not self.is_small(table):
            return self.spark.read.option("versionAsOf", found.delta.version()).format("delta").load(self.path(table))
        if table.full_name not in self._read:
            self._read[table.full_name] = self.frame_of(found.arrow())
        return self._read[table.full_name]

    def rows(self, table: Table, where: Where) -> DataFrame:
        """Return the rows of this moment that ``where`` leaves."""
        frame = self.read(table)
        return frame.filter(at_hand.as_column(where)) if any(where) else frame

    @contextmanager
    def settings_for_size(self, concerned: Iterable[Table]) -> Iterator[None]:
        """Use settings for few rows meanwhile, where all of the ``concerned`` tables are small."""
        conf = self.spark.conf
        small = all(self.is_small(table) for table in concerned)
        before = {name: conf.get(name) for name in _FOR_FEW_ROWS} if small else {}
        try:
            for name in before:
                conf.set(name, _FOR_FEW_ROWS[name])
            yield
        finally:
            for name, value in before.items():
                conf.set(name, value or "")
