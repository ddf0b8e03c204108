"""What a table's own log says of it, without reading its data: progress, size, rows, bounds, columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake import constraints
from smart_logistics.lake.tables import open_table, schema

SMALL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class State:
    """A table as of now, and what may be asked of it for little; the cost grows with its files, not with its rows."""

    table: Table
    delta: DeltaTable | None

    def progress(self, app: str) -> int:
        """Return the stamp of ``app``'s last commit; 0 where there is none."""
        return 0 if self.delta is None else self.delta.transaction_version(app) or 0

    @cached_property
    def last_stamp(self) -> int:
        """The stamp of the last commit of any job."""
        return max((self.progress(app) for app in self.table.apps), default=0)

    @cached_property
    def dataset(self) -> Any:
        """The rows for Arrow to scan, as of this version; None where the table is not there."""
        return None if self.delta is None else self.delta.to_pyarrow_dataset()

    @cached_property
    def _files(self) -> pa.Table:
        return pa.table(self.delta.get_add_actions(flatten=True)) if self.delta else pa.table({})

    @property
    def rows(self) -> int:
        """Number of rows, from the statistics of the files; those of a file without statistics are counted."""
        if self.delta is None or not self._files.num_rows:
            return 0
        counts = self._files["num_records"]
        if counts.null_count:
            return int(self.dataset.count_rows())
        return int(pc.sum(counts).as_py())

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return int(pc.sum(self._files["size_bytes"]).as_py()) if self.delta and self._files.num_rows else 0

    def arrow(self) -> pa.Table:
        """Return the rows of a small table; no column is declared free of nulls, so that a null in one can be found."""
        if self.delta is None:
            empty: pa.Table = pa.schema(schema(self.table).to_arrow()).empty_table()
            return nullable(empty)
        return nullable(self.dataset.to_table())

    def greatest(self, column: str) -> Any:
        """Return the greatest value of a column by the statistics of the files; None where they do not say."""
        name = f"max.{column}"
        return pc.max(self._files[name]).as_py() if name in self._files.column_names else None

    def newest(self, column: str) -> datetime | None:
        """Return the greatest value of a timestamp column by the statistics (to the millisecond); None where empty."""
        value: datetime | None = self.greatest(column)
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value

    def table_property(self, name: str) -> str | None:
        """Return a property of the table, None where it or the table is not there."""
        return None if self.delta is None else self.delta.metadata().configuration.get(name)

    @property
    def missing_constraints(self) -> list[str]:
        """Names of the declared constraints that the table does not carry."""
        return [] if self.delta is None else [one.name for one in constraints.missing(self.delta, self.table)]

    @property
    def small_files(self) -> int:
        """Number of small files beyond the one that each partition may have."""
        if self.delta is None or not self._files.num_rows:
            return 0
        small = self._files.filter(pc.less(self._files["size_bytes"], SMALL_BYTES))
        partitions = [name for name in small.column_names if name.startswith("partition.")]
        places = len(set(zip(*(small[name].to_pylist() for name in partitions), strict=True))) if partitions else 1
        return max(int(small.num_rows) - places, 0)

    @property
    def files(self) -> int:
        """Number of files."""
        return int(self._files.num_rows)

    @property
    def partitions(self) -> int:
        """Number of partitions that have a file; 1 where the table has none."""
        names = self.table.partitions if self.files else ()
        return len(set(zip(*(self._files[f"partition.{name}"].to_pylist() for name in names), strict=True))) or 1

    def written(self) -> tuple[datetime | None, datetime | None]:
        """Return when the oldest and the newest of the files were written; nothing where there is none."""
        if not self.files:
            return None, None
        ends = pc.min_max(self._files["modification_time"]).as_py()
        return _instant(ends["min"]), _instant(ends["max"])

    @property
    def deviations(self) -> list[str]:
        """What of the declaration the table does not keep; a column in addition is no deviation."""
        if self.delta is None:
            return []
        actual = _fields(self.delta.schema().to_json())
        return [
            f"{name} is {_shown(actual.get(name))}, not {_shown(field)}"
            for name, field in _fields(schema(self.table).to_json()).items()
            if actual.get(name) != field
        ]


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def nullable(rows: pa.Table) -> pa.Table:
    """Return the rows with no column declared free of nulls, so that a null in one can be found."""
    return rows.cast(pa.schema([field.with_nullable(True) for field in rows.schema]))


def _fields(text: str) -> Mapping[str, tuple[Any, bool]]:
    return {f["name"]: (f["type"], f["nullable"]) for f in json.loads(text)["fields"]}


def _shown(field: tuple[Any, bool] | None) -> str:
    return "missing" if field is None else f"{field[0]}{'' if field[1] else ' not null'}"


def state(lakehouse: str, table: Table) -> State:
    """Open a table's log."""
    return State(table, open_table(lakehouse, table))
