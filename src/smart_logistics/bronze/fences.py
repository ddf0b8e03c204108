"""How far the extraction of each source table has come: kept in the lakehouse, read and written without Spark.

The fences are a Delta table of their own, written after the rows and delete facts that they describe, in one commit
for all source tables. That is as safe as one commit with the data, because what follows is idempotent: after a crash
between the two the next extraction starts from the older fence, reads those rows once more and drops them by content.
It is cheaper than commit metadata (whose log is cleaned up after a month, so that an idle table would forget) and
lets a fence advance where nothing new was found, without a commit in every Bronze table. That data and fence belong
together is checked, not assumed: a fence names the Bronze table and the stamp that it saw, and one that does not fit
leads to a full read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from smart_logistics.contracts.bronze import SOURCE_FENCES
from smart_logistics.contracts.model import Table
from smart_logistics.lake import small, tables
from smart_logistics.sources.fence import Fence

_NAMES = {"int": "int", "integer": "int", "long": "bigint"}


@dataclass(frozen=True)
class Kept:
    """A table's fence, and when its keys were last compared."""

    fence: Fence
    keys_compared_at: datetime | None


@dataclass(frozen=True)
class BronzeTable:
    """What Bronze holds by now: Delta's id, the stamp of the last extraction (0 = none), and each column's type."""

    id: str
    stamp: int
    types: Mapping[str, str]


def load(lakehouse: str) -> dict[str, Kept]:
    """Return what is kept, by source table."""
    found = tables.open_table(lakehouse, SOURCE_FENCES)
    names = [field.name for field in fields(Fence)]
    return {
        row["source_table"]: Kept(Fence(**{name: row[name] for name in names}), row["keys_compared_at"])
        for row in (found.to_pyarrow_table().to_pylist() if found is not None else ())
    }


def store(lakehouse: str, kept: Mapping[str, Kept], at: datetime, run_id: str) -> None:
    """Keep the fences; one commit."""
    rows = [
        {
            "source_table": name,
            **asdict(one.fence),
            "keys_compared_at": one.keys_compared_at,
            "_ingested_at": at,
            "_run_id": run_id,
        }
        for name, one in kept.items()
    ]
    small.merge_rows(lakehouse, SOURCE_FENCES, rows)


def bronze_table(lakehouse: str, table: Table, app: str) -> BronzeTable:
    """Look at a Bronze table, made empty where it is not there yet."""
    found = tables.open_table(lakehouse, table)
    if found is None:
        tables.ensure(lakehouse, table)
        found = tables.open_table(lakehouse, table)
    if found is None:
        raise RuntimeError(f"{table.full_name} is not there after it was made")
    types = {field.name: str(getattr(field.type, "type", field.type)) for field in found.schema().fields}
    return BronzeTable(
        str(found.metadata().id),
        found.transaction_version(app) or 0,
        {name: _NAMES.get(type_, type_) for name, type_ in types.items()},
    )
