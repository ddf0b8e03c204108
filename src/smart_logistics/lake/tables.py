"""Delta tables without a JVM: where they lie, how they are made, and how far each job has come in them.

Progress is Delta's own transaction identifier: each commit of a job carries ``(app, stamp)``, in the very commit that
it describes, so data and progress cannot part. ``stamp`` is microseconds since 1970 and grows over the whole
lakehouse: a consumer that committed at stamp *s* has seen all that its producers committed up to *s*, and nothing
later. Never RESTORE such a table: the identifiers stay where they were and later commits would be taken for replays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.errors import LakeUnavailable
from smart_logistics.failpoints import reached
from smart_logistics.lake import constraints, ledger, locks

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _CUT = datetime.min.replace(tzinfo=UTC), timedelta(milliseconds=1)
_PRIMITIVES = {"int": "integer", "bigint": "long"}
_CONFIGURATION = {
    "delta.deletedFileRetentionDuration": "interval 168 hours",
    "delta.logRetentionDuration": "interval 30 days",
    "delta.checkpointInterval": "20",
}
# Statistics are kept of the first 32 columns otherwise, and what is new in a table is found by one of the last.
_OF_WIDE_TABLES = {"delta.dataSkippingNumIndexedCols": "-1"}
_MOST_INDEXED = 32
# Where this process has seen a table.
_seen: set[str] = set()


def is_local(lakehouse: str) -> bool:
    """Return whether the lakehouse lies on a local file system, where writers must hold locks."""
    return "://" not in lakehouse


def uri(lakehouse: str, table: Table) -> str:
    """Return ``<lakehouse>/<layer>/<table>`` as delta-rs wants it (``s3://`` where Spark says ``s3a://``)."""
    root = "s3://" + lakehouse.removeprefix("s3a://") if lakehouse.startswith("s3a://") else lakehouse
    return f"{root}/{table.layer}/{table.name}"


def _delta_type(spark_type: str) -> Any:
    if spark_type.startswith("array<"):
        return {"type": "array", "elementType": _delta_type(spark_type[6:-1]), "containsNull": True}
    return _PRIMITIVES.get(spark_type, spark_type)


def schema(table: Table) -> Schema:
    """Return the declared columns as a Delta schema."""
    fields = [
        {
            "name": c.name,
            "type": _delta_type(c.type),
            "nullable": c.nullable,
            "metadata": {"comment": c.meaning} if c.meaning else {},
        }
        for c in table.columns
    ]
    return Schema.from_json(json.dumps({"type": "struct", "fields": fields}))


def arrow_schema(table: Table) -> pa.Schema:
    """Return the declared columns as Arrow has them, for rows to be written.

    Without their comments: a table keeps those it was made with, and rows that bring other ones are refused.
    """
    declared = pa.schema(schema(table).to_arrow())
    return pa.schema([field.remove_metadata() for field in declared])


def ensure(lakehouse: str, table: Table, *, locked: bool = False) -> None:
    """Create the table empty, with its constraints, where there is none yet. Idempotent.

    A table made by someone else meanwhile is kept. ``locked`` says that the caller holds the table's lock. What was
    seen to be there is only asked for its log afterwards: a job asks for some tables ten times.
    """
    location = uri(lakehouse, table)
    if is_local(lakehouse):
        if location in _seen and Path(location, "_delta_log").is_dir():
            return
        Path(location).mkdir(parents=True, exist_ok=True)
    found = DeltaTable.create(
        location,
        schema=schema(table),
        mode="ignore",
        partition_by=list(table.partitions),
        name=table.full_name,
        description=table.grain,
        configuration=_configuration(table),
    )
    # Later the rows that are there would have to be read: see ``upgrade_all``.
    if found.version() == 0 and table.constraints:
        with nullcontext() if locked else writing(lakehouse, table):
            _constrain(lakehouse, table)
    _seen.add(location)


def _configuration(table: Table) -> dict[str, str]:
    wide = _OF_WIDE_TABLES if len(table.columns) > _MOST_INDEXED else {}
    return _CONFIGURATION | wide | ({"delta.appendOnly": "true"} if table.append_only else {})


def _constrain(lakehouse: str, table: Table) -> None:
    found = DeltaTable(uri(lakehouse, table))
    constraints.add(found, constraints.missing(found, table))


def upgrade_all(lakehouse: str) -> list[str]:
    """Give existing tables the properties and constraints that they lack, and return what could not be given.

    That is a constraint that rows break. For a lakehouse that an earlier release made; a table that lacks nothing costs
    the opening of its log. A property that somebody set to something else stays.
    """
    refused = []
    for table in contracts.ALL_TABLES:
        found = open_table(lakehouse, table)
        if found is None:
            continue
        has = found.metadata().configuration
        lacking = {name: value for name, value in _configuration(table).items() if name not in has}
        if not lacking and not constraints.missing(found, table):
            continue
        try:
            with writing(lakehouse, table):
                if lacking:
                    DeltaTable(uri(lakehouse, table)).alter.set_table_properties(lacking)
                _constrain(lakehouse, table)
        except DeltaError as error:
            refused.append(f"{table.full_name} stays as it was: {' '.join(str(error).split())[:300]}")
    return refused


def open_table(lakehouse: str, table: Table, version: int | None = None) -> DeltaTable | None:
    """Open a table as it is now, or was in a version; return None where it does not exist.

    Raises:
        LakeUnavailable: the place cannot be read.
    """
    try:
        return DeltaTable(uri(lakehouse, table), version=version)
    except TableNotFoundError:
        return None
    except OSError as error:
        raise LakeUnavailable(
            f"cannot read {table.full_name}: {error}", remedy="check LOGISTICS_LAKEHOUSE and its permissions"
        ) from error


def progress(lakehouse: str, table: Table, app: str) -> int:
    """Return the stamp of ``app``'s last commit in ``table``; 0 where there is none."""
    found = open_table(lakehouse, table)
    return 0 if found is None else found.transaction_version(app) or 0


def all_progress(lakehouse: str) -> Iterator[int]:
    """Yield the stamp of every application's last commit in every table."""
    for table in contracts.ALL_TABLES:
        found = open_table(lakehouse, table) if table.apps else None
        if found is not None:
            yield from (found.transaction_version(app) or 0 for app in table.apps)


def instant(stamp: int) -> datetime:
    """Return the UTC instant of a stamp."""
    return _EPOCH + timedelta(microseconds=stamp)


def before_rounding(moment: datetime) -> datetime:
    """Return the moment less a millisecond: Spark cuts the greatest instant in a file's statistics to milliseconds."""
    return max(moment, _FIRST + _CUT) - _CUT


def new_stamp(committed: Iterable[int]) -> int:
    """Return a stamp later than ``committed`` ones, and the wall clock where that has not gone backwards."""
    return max(time.time_ns() // 1000, max(committed, default=0) + 1)


@contextmanager
def writing(lakehouse: str, table: Table) -> Iterator[None]:
    """Keep other writers of ``table`` out where the storage does not, and let what is committed reach the disk.

    Raises:
        LakeDamaged: the table is not what was committed; nothing is written.
    """
    if not is_local(lakehouse):
        yield
        return
    place, copies = Path(uri(lakehouse, table)), _copies(lakehouse, table)
    with locks.hold(locks.of(lakehouse, table.full_name)):
        ledger.check(place, copies)
        reached("table.locked", table.full_name)
        yield
        reached("table.committed", table.full_name)
        ledger.record(place, copies)
    reached("table.released", table.full_name)


def _copies(lakehouse: str, table: Table) -> Path:
    return Path(lakehouse) / "_commits" / table.full_name


def check_all(lakehouse: str) -> None:
    """See that every table is what was committed, as far as the storage does not promise it.

    Raises:
        LakeDamaged: the first that is not.
    """
    for table in contracts.ALL_TABLES:
        check(lakehouse, table)


def check(lakehouse: str, table: Table) -> None:
    """See that one table is what was committed; like ``check_all``."""
    if is_local(lakehouse):
        ledger.check(Path(uri(lakehouse, table)), _copies(lakehouse, table))


def append_rows(lakehouse: str, table: Table, rows: list[dict[str, Any]], *, app: str = "", stamp: int = 0) -> None:
    """Append a few rows from this process, with ``app`` its progress too. The caller holds the table's lock."""
    ensure(lakehouse, table, locked=True)
    arrow = pa.Table.from_pylist(rows, schema=arrow_schema(table))
    properties = CommitProperties(app_transactions=[Transaction(app, stamp)]) if app else None
    write_deltalake(uri(lakehouse, table), arrow, mode="append", commit_properties=properties)


def advance(lakehouse: str, table: Table, *, app: str, stamp: int) -> None:
    """Commit the progress of ``app`` and nothing else, without a JVM. The caller holds the table's lock."""
    ensure(lakehouse, table, locked=True)
    found = DeltaTable(uri(lakehouse, table))
    found.create_write_transaction(
        [],
        "append",
        found.schema(),
        partition_by=list(table.partitions),
        commit_properties=CommitProperties(app_transactions=[Transaction(app, stamp)]),
    )


def set_property(lakehouse: str, table: Table, name: str, value: str) -> None:
    """Set a property of a table that is there, without a JVM. The caller holds the table's lock."""
    DeltaTable(uri(lakehouse, table)).alter.set_table_properties({name: value}, raise_if_not_exists=False)
