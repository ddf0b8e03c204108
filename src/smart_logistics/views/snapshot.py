"""The lakehouse as one view sees it: each table opened once, now or at a version, and read by literal conditions."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake import scanning, tables
from smart_logistics.lake.state import State, nullable

Row = dict[str, Any]
_INSTANT = pa.timestamp("us", "UTC")


class Snapshot:
    """Tables as of their newest versions, or of ``versions`` (by full name); a view that uses one never sees two.

    A table that is not there yet is empty. Reads of different threads may share one.
    """

    def __init__(self, lakehouse: str, versions: Mapping[str, int] | None = None) -> None:
        self.lakehouse = lakehouse
        self._wanted = dict(versions or {})
        self._open: dict[str, DeltaTable | None] = {}
        self._lock = threading.Lock()

    def delta(self, table: Table) -> DeltaTable | None:
        """Return the open table; None where it does not exist.

        Raises:
            LakeUnavailable: the place cannot be read.
        """
        name = table.full_name
        with self._lock:
            if name not in self._open:
                self._open[name] = tables.open_table(self.lakehouse, table, self._wanted.get(name))
            return self._open[name]

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the tables that were read so far, by full name in their order."""
        return {name: found.version() for name, found in sorted(self._open.items()) if found is not None}

    def state(self, table: Table) -> State:
        """Return what the table's log says of it."""
        return State(table, self.delta(table))

    def rows(self, table: Table, columns: Sequence[str], where: pc.Expression | None = None) -> pa.Table:
        """Return columns of the rows that ``where`` leaves; files that cannot hold one are not opened."""
        found = self.delta(table)
        if found is None:
            return pa.schema([tables.arrow_schema(table).field(name) for name in columns]).empty_table()
        return nullable(scanning.scan(self.lakehouse, table, found).to_table(columns=list(columns), filter=where))

    def dicts(self, table: Table, columns: Sequence[str], where: pc.Expression | None = None) -> list[Row]:
        """Return the same, each row by its columns."""
        rows: list[Row] = self.rows(table, columns, where).to_pylist()
        return rows


def all_of(conditions: Sequence[pc.Expression]) -> pc.Expression | None:
    """Return the condition that all hold; None where there is none."""
    return reduce(and_, conditions) if conditions else None


def since(column: str, moment: datetime) -> pc.Expression:
    """Return the condition that an instant is not before ``moment``, less a millisecond.

    Spark cuts the greatest instant in a file's statistics to milliseconds, so that a file whose last row is the wanted
    one would be left out. Who needs it exact compares again.
    """
    return pc.field(column) >= pa.scalar(tables.before_rounding(moment), _INSTANT)


def before(column: str, moment: datetime) -> pc.Expression:
    """Return the condition that an instant is before ``moment``."""
    return pc.field(column) < pa.scalar(moment, _INSTANT)
