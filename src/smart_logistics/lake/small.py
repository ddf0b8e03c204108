"""Small batches are committed from this process, without Spark's writers.

Spark computes what changes; committing it through Spark costs a second of processor time and half a dozen jobs for each
table, however few the rows, and a run writes to twenty tables. Here it costs milliseconds. Only on local storage, where
the table's kernel lock keeps all other writers out, and only where the rows written and rewritten are few; the rest
takes Spark's way, which spreads it.

Rows that stay are rewritten by pyarrow and not by delta-rs's own MERGE: that leaves files whose texts are Arrow's
``string_view``, on which filters of pyarrow's datasets fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from smart_logistics.contracts.model import Table
from smart_logistics.lake import scanning, tables
from smart_logistics.lake.conditions import Condition, Where
from smart_logistics.lake.operations import DELETE, INSERT, OPERATION

MOST_ROWS = 20_000
# Of compressed files: a row may be a record of 16 MiB.
_MOST_BYTES = 4 * 2**20
_MOST_REWRITTEN = 50_000
Partitions = Mapping[str, Collection[Any]]


@dataclass(frozen=True)
class Concerned:
    """Where changed rows lie: values of each partition column, and the range of ``Table.range_column``."""

    partitions: Partitions
    column: str
    low: Any
    high: Any

    @property
    def where(self) -> Where:
        """The condition, by which files are left out."""
        within: list[Condition] = [(name, "in", list(values)) for name, values in self.partitions.items()]
        return [[*within, (self.column, ">=", self.low), (self.column, "<=", self.high)]]

    def predicate(self) -> str:
        """Return the condition as SQL for delta-rs."""
        listed = [f"{name} IN ({', '.join(map(_literal, of))})" for name, of in self.partitions.items()]
        between = [f"{self.column} >= {_literal(self.low)}", f"{self.column} <= {_literal(self.high)}"]
        return " AND ".join([*listed, *between])


def fits(lakehouse: str, table: Table, columns: Iterable[str]) -> bool:
    """Return whether rows of these columns can be written here at all: on local storage, into columns that exist."""
    if not tables.is_local(lakehouse):
        return False
    found = tables.open_table(lakehouse, table)
    return found is not None and {*columns} - {OPERATION} <= {field.name for field in found.schema().fields}


def rows_since(lakehouse: str, table: Table, column: str, stamp: int) -> int | None:
    """Return how many rows at most have ``column`` after ``stamp``, by the files' statistics; None where unknown."""
    files = _files_since(lakehouse, table, column, stamp)
    return None if files is None else pc.sum(files["num_records"]).as_py() or 0


def are_few(lakehouse: str, table: Table, column: str, stamp: int) -> bool:
    """Return whether the rows that have ``column`` after ``stamp`` are known to be few, and to be short."""
    files = _files_since(lakehouse, table, column, stamp)
    if files is None:
        return False
    rows, size = (pc.sum(files[name]).as_py() or 0 for name in ("num_records", "size_bytes"))
    return rows <= MOST_ROWS and size <= _MOST_BYTES


def _files_since(lakehouse: str, table: Table, column: str, stamp: int) -> pa.Table | None:
    """Return the files that may hold rows with ``column`` after ``stamp``; None where they do not say."""
    found = tables.open_table(lakehouse, table)
    files = pa.table({"num_records": [], "size_bytes": []} if found is None else found.get_add_actions(flatten=True))
    if not len(files):
        return files
    newest = files[f"max.{column}"] if f"max.{column}" in files.column_names else None
    if newest is None or newest.null_count or files["num_records"].null_count:
        return None
    type_ = pa.timestamp("us", "UTC")
    since = tables.before_rounding(tables.instant(stamp))
    return files.filter(pc.greater_equal(newest.cast(type_), pa.scalar(since, type_)))


def concerned(table: Table, changes: pa.Table, further: Partitions) -> Concerned:
    """Return where changed rows lie; ``further`` are partitions under which they may lie until now."""
    ends = pc.min_max(changes[table.range_column]).as_py()
    if isinstance(ends["min"], datetime):
        ends["min"] = tables.before_rounding(ends["min"])
    partitions = {name: sorted({*changes[name].to_pylist(), *further.get(name, ())}) for name in table.partitions}
    return Concerned(partitions, table.range_column, ends["min"], ends["max"])


def may_rewrite(lakehouse: str, table: Table, where: Concerned) -> bool:
    """Return whether the files in which changed rows may lie are little enough to be rewritten here."""
    found = DeltaTable(tables.uri(lakehouse, table))
    files = pa.table(found.get_add_actions(flatten=True))
    for name, values in where.partitions.items():
        column = files[f"partition.{name}"]
        files = files.filter(pc.is_in(column, value_set=pa.array(values, column.type)))
    low, high = f"min.{where.column}", f"max.{where.column}"
    if low in files.column_names and high in files.column_names:
        apart = pc.or_(pc.less(files[high], where.low), pc.greater(files[low], where.high))
        files = files.filter(pc.invert(pc.fill_null(apart, False)))
    rows = files["num_records"]
    # A file that does not say how many rows it has is no small one.
    return not rows.null_count and (pc.sum(rows).as_py() or 0) <= _MOST_REWRITTEN


def append(lakehouse: str, table: Table, rows: pa.Table, *, app: str, stamp: int) -> None:
    """Append ``rows`` with the progress of ``app``. The caller holds the table's lock and knows this is no replay."""
    found = DeltaTable(tables.uri(lakehouse, table))
    write_deltalake(found, _conform(rows, found), mode="append", commit_properties=_progress(app, stamp))


def append_next(found: DeltaTable, table: Table, rows: list[dict[str, Any]], *, app: str, stamp: int) -> bool:
    """Append ``rows`` to just the version that ``found`` shows; False where another writer was there first.

    For rows that follow from those before them, also where no lock keeps others out.
    """
    arrow, before = pa.Table.from_pylist(rows, schema=tables.arrow_schema(table)), found.version()
    properties = CommitProperties(app_transactions=[Transaction(app, stamp)], max_commit_retries=0)
    try:
        write_deltalake(found, arrow, mode="append", commit_properties=properties)
    except CommitFailedError:
        found.update_incremental()
        if found.version() == before:
            raise
        return False
    return True


def merge(
    lakehouse: str, table: Table, changes: pa.Table, where: Concerned, *, progress: tuple[str, int] | None
) -> None:
    """Apply ``changes`` by the table's key; without ``_operation`` they only update the columns that they have.

    ``where`` names everything that is concerned (see ``concerned``): files that hold nothing of it stay. The caller
    holds the table's lock.
    """
    found = DeltaTable(tables.uri(lakehouse, table))
    there = scanning.rows(lakehouse, table, found, where.where)
    changed = dict(zip(_keys(changes, table), range(len(changes)), strict=True))
    at = [changed.get(key) for key in _keys(there, table)]
    stays = _conform(there.filter(pa.array([place is None for place in at], pa.bool_())), found)
    if OPERATION in changes.column_names:
        new = changes.filter(pc.not_equal(changes[OPERATION], DELETE)).drop_columns([OPERATION])
    else:
        new = there.filter(pa.array([place is not None for place in at], pa.bool_()))
        places = pa.array([place for place in at if place is not None], pa.int64())
        for name in changes.column_names:
            new = new.set_column(new.schema.get_field_index(name), name, changes[name].take(places))
    write_deltalake(
        found,
        pa.concat_tables([stays, _conform(new, found)]),
        mode="overwrite",
        predicate=where.predicate(),
        commit_properties=None if progress is None else _progress(*progress),
    )


def _keys(rows: pa.Table, table: Table) -> Iterable[tuple[Any, ...]]:
    return zip(*(rows[name].to_pylist() for name in table.key), strict=True)


def merge_rows(lakehouse: str, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert a few rows, or replace those of the same key; one commit, under the table's lock.

    Reads and rewrites what has the same first column of the key.
    """
    tables.ensure(lakehouse, table)
    first = table.key[0]
    with tables.writing(lakehouse, table):
        found = DeltaTable(tables.uri(lakehouse, table))
        values = sorted({row[first] for row in rows})
        there = scanning.rows(lakehouse, table, found, [[(first, "in", values)]]).to_pylist()
        replaced = {_key(row, table) for row in rows}
        stays = [row for row in there if _key(row, table) not in replaced]
        arrow = pa.Table.from_pylist(stays + rows, schema=tables.arrow_schema(table))
        if there:
            predicate = f"{first} IN ({', '.join(map(_literal, values))})"
            write_deltalake(found, arrow, mode="overwrite", predicate=predicate)
        else:
            write_deltalake(found, arrow, mode="append")


def _key(row: Mapping[str, Any], table: Table) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)


def only_inserts(changes: pa.Table) -> bool:
    """Return whether every change is a new row."""
    return bool(pc.all(pc.equal(changes[OPERATION], INSERT)).as_py())


def _progress(app: str, stamp: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, stamp)])


def _conform(rows: pa.Table, found: DeltaTable) -> pa.Table:
    """Return ``rows`` in the table's types and order; what they lack is null."""
    schema = pa.schema(found.schema().to_arrow())
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
