"""What waits in the dead letter and among the delete facts for each source table: counts, read without Spark.

An idle table then costs no Spark action, which is most tables in most hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import REJECTED_RECORDS, SOURCE_DELETES
from smart_logistics.contracts.rules import OPEN, SUPERSEDED, Reason, Reprocessing
from smart_logistics.lake.tables import open_table


@dataclass(frozen=True)
class Waiting:
    """Open letters, orphans that may yet find their parent, and the newest stamp at which a key was found gone."""

    open: int = 0
    orphans: int = 0
    last_gone: int = 0


def waiting(lakehouse: str) -> Mapping[str, Waiting]:
    """Count what waits, by source table; the orphans include those that a newer, invalid version closed."""
    is_open, orphans = _letters(lakehouse)
    gone = _last_gone(lakehouse)
    return {
        name: Waiting(is_open.get(name, 0), orphans.get(name, 0), gone.get(name, 0))
        for name in is_open.keys() | orphans.keys() | gone.keys()
    }


def _letters(lakehouse: str) -> tuple[dict[str, int], dict[str, int]]:
    table = open_table(lakehouse, REJECTED_RECORDS)
    if table is None:
        return {}, {}
    status, reason = pc.field("reprocessing_status"), pc.field("rejection_reason")
    # An orphan that somebody discarded waits for nothing.
    closed = (status == Reprocessing.DISCARDED.value) & pc.ends_with(pc.field("rejection_detail"), SUPERSEDED)
    is_orphan = (reason == Reason.INVALID_FOREIGN_KEY.name) & (status.isin(OPEN) | closed)
    columns = {"source_table": pc.field("source_table"), "is_open": status.isin(OPEN), "is_orphan": is_orphan}
    rows = table.to_pyarrow_dataset().to_table(columns=columns, filter=status.isin(OPEN) | is_orphan)
    return _counts(rows.filter(rows["is_open"])), _counts(rows.filter(rows["is_orphan"]))


def _counts(rows: pa.Table) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in rows["source_table"].value_counts().to_pylist()}


def _last_gone(lakehouse: str) -> dict[str, int]:
    table = open_table(lakehouse, SOURCE_DELETES)
    if table is None:
        return {}
    rows = table.to_pyarrow_dataset().to_table(columns=["source_table", "_ingested_at"])
    newest = rows.group_by("source_table").aggregate([("_ingested_at", "max")])
    stamps = newest["_ingested_at_max"].cast(pa.int64()).to_pylist()
    return dict(zip(newest["source_table"].to_pylist(), stamps, strict=True))
