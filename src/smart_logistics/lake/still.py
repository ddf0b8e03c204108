"""The lakehouse as it was at one moment, for whoever compares its tables while others go on writing them.

Every log is opened once, when this is made; whatever is read later is that version. Where a condition leaves few rows,
they are read by the driver itself, out of the files that may hold them: Spark would spend a second on the table's log
and nothing on its rows.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.lake import at_hand
from smart_logistics.lake.conditions import Where
from smart_logistics.lake.reading import Reader
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.state import State, nullable, state
from smart_logistics.lake.tables import is_local

_FEW_ROWS, _FEW_BYTES = 20_000, 8 * 1024 * 1024


class Still(Reader):
    """All tables of one moment. The caller keeps the jobs from writing while it is made, or takes them as they are."""

    def __init__(self, spark: SparkSession, root: str, job: str) -> None:
        super().__init__(spark, root, job)
        self.states: dict[str, State] = {table.full_name: state(root, table) for table in contracts.ALL_TABLES}
        self._at_hand: dict[tuple[str, str], pa.Table | None] = {}
        self._frames: dict[tuple[str, str], DataFrame] = {}

    def state(self, table: Table) -> State:
        """Return the table's log."""
        return self.states[table.full_name]

    def few(self, table: Table, where: Where) -> pa.Table | None:
        """Return the rows of this moment that ``where`` leaves, None where they are many."""
        asked = (table.full_name, repr(where))
        if asked not in self._at_hand:
            self._at_hand[asked] = self._few(self.state(table), where)
        return self._at_hand[asked]

    def _few(self, found: State, where: Where) -> pa.Table | None:
        if found.delta is None or (found.rows < _FEW_ROWS and found.bytes < _FEW_BYTES and not any(where)):
            return found.arrow()
        if not any(where) or not is_local(self.root):
            return None
        rows = at_hand.few(scan(self.root, found.table, found.delta, where), where, _FEW_ROWS)
        return None if rows is None else nullable(rows)

    def read(self, table: Table) -> DataFrame:
        """Return the table as of this moment."""
        return self.rows(table, [])

    def rows(self, table: Table, where: Where) -> DataFrame:
        """Return the rows of this moment that ``where`` leaves."""
        asked = (table.full_name, repr(where))
        if asked not in self._frames:
            found = self.few(table, where)
            self._frames[asked] = self._scan(table, where) if found is None else self.frame_of(found)
        return self._frames[asked]

    def _scan(self, table: Table, where: Where) -> DataFrame:
        delta = self.state(table).delta
        assert delta is not None  # noqa: S101 - of a table that is not there the rows are few
        frame = self.spark.read.option("versionAsOf", delta.version()).format("delta").load(self.path(table))
        return frame.filter(at_hand.as_column(where)) if any(where) else frame
