"""The lake of a dry run: it computes what a job would write, counts it, and writes nothing."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame

from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.conditions import Where
from smart_logistics.lake.store import Lake


class PlannedLake(Lake):
    """Reads like any other; a table that no run has made yet is an empty one, and stays unmade."""

    @cached_property
    def plan(self) -> Counter[str]:
        """How many rows of each table would be added, changed or deleted, by its full name."""
        return Counter()

    def read(self, table: Table) -> DataFrame:
        """Return the table; see ``Lake.read``."""
        return super().read(table) if self._is_there(table) else self.nothing(table)

    def rows(self, table: Table, where: Where) -> DataFrame:
        """Return rows of the table; see ``Lake.rows``."""
        return super().rows(table, where) if self._is_there(table) else self.nothing(table)

    def append(self, table: Table, rows: DataFrame, *_: Any, **__: Any) -> int:
        """Count what would be appended."""
        return self._planned(table, rows)

    def merge(self, table: Table, changes: DataFrame, *_: Any, **__: Any) -> int:
        """Count what would be merged."""
        return self._planned(table, changes)

    def update(self, table: Table, changes: DataFrame) -> int:
        """Count what would be updated."""
        return self._planned(table, changes)

    def advance(self, table: Table, stamp: int, *, app: str | None = None) -> None:
        """Leave the progress where it is."""

    def set_table_property(self, table: Table, name: str, value: str) -> None:
        """Leave the property as it is."""

    def writing(self, table: Table) -> Any:
        """Refuse: whatever else would write is a mistake.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"a dry run was about to write {table.full_name}")

    def _is_there(self, table: Table) -> bool:
        return tables.open_table(self.root, table) is not None

    def _planned(self, table: Table, rows: DataFrame) -> int:
        count = rows.count()
        if count:
            self.plan[table.full_name] += count
        return count
