"""What waits in the dead letter and among the delete facts for one table: counts, read without Spark.

An idle table then costs no Spark action, which is most tables in most hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from smart_logistics.contracts.bronze import REJECTED_RECORDS, SOURCE_DELETES
from smart_logistics.contracts.rules import OPEN, Reason
from smart_logistics.lake.tables import open_table


@dataclass(frozen=True)
class Waiting:
    """Open letters, orphans that may yet find their parent, and the newest stamp at which a key was found gone."""

    open: int
    orphans: int
    last_gone: int


def waiting(lakehouse: str, source_table: str) -> Waiting:
    """Count what waits for ``source_table``; the orphans include those that a newer, invalid version closed."""
    of_table = pc.field("source_table") == source_table
    letters = open_table(lakehouse, REJECTED_RECORDS)
    is_open, orphans = 0, 0
    if letters is not None:
        dataset = letters.to_pyarrow_dataset()
        is_open = dataset.count_rows(filter=of_table & pc.field("reprocessing_status").isin(OPEN))
        orphans = dataset.count_rows(
            filter=of_table
            & (pc.field("rejection_reason") == Reason.INVALID_FOREIGN_KEY.name)
            & (pc.field("reprocessing_status") != "REPROCESSED")
        )
    return Waiting(is_open, orphans, _last_gone(lakehouse, source_table))


def _last_gone(lakehouse: str, source_table: str) -> int:
    facts = open_table(lakehouse, SOURCE_DELETES)
    if facts is None:
        return 0
    rows = facts.to_pyarrow_dataset().to_table(
        columns=["_ingested_at"], filter=pc.field("source_table") == source_table
    )
    newest = pc.max(rows["_ingested_at"]).cast("int64").as_py() if rows.num_rows else None
    return newest or 0
