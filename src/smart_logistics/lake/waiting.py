"""What waits in the dead letter and among the delete facts for each source table: counts, read without Spark.

An idle table then costs no Spark action, which is most tables in most hours. Of the days that nothing was written to
since, nothing is read again (see ``digest``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import REJECTED_RECORDS, SOURCE_DELETES
from smart_logistics.contracts.rules import OPEN, SUPERSEDED, Reason, Reprocessing
from smart_logistics.lake.digest import by_partition


@dataclass(frozen=True)
class Waiting:
    """Open letters, orphans that may yet find their parent, and the newest stamp at which a key was found gone.

    ``days`` are those on which letters of the table were rejected; ``open_days`` and ``orphan_days`` those of them on
    which some are open, and on which some are orphans.
    """

    open: int = 0
    orphans: int = 0
    last_gone: int = 0
    days: tuple[date, ...] = ()
    open_days: tuple[date, ...] = ()
    orphan_days: tuple[date, ...] = ()


Counts = dict[str, dict[str, int]]
"""Of each source table: its open letters, and the orphans that may yet find their parent."""


def waiting(lakehouse: str) -> Mapping[str, Waiting]:
    """Count what waits, by source table; the orphans include those that a newer, invalid version closed."""
    letters: dict[str, dict[date, dict[str, int]]] = defaultdict(dict)
    for day, of_day in letters_by_day(lakehouse).items():
        for name, counts in of_day.items():
            letters[name][day] = counts
    gone = _last_gone(lakehouse)
    return {name: _waiting(letters.get(name, {}), gone.get(name, 0)) for name in letters.keys() | gone.keys()}


def _waiting(counts: Mapping[date, Mapping[str, int]], last_gone: int) -> Waiting:
    return Waiting(
        sum(of["open"] for of in counts.values()),
        sum(of["orphans"] for of in counts.values()),
        last_gone,
        tuple(sorted(counts)),
        tuple(sorted(day for day, of in counts.items() if of["open"])),
        tuple(sorted(day for day, of in counts.items() if of["orphans"])),
    )


def letters_by_day(lakehouse: str) -> dict[date, Counts]:
    """Return how many letters of each source table were rejected on each day, and what became of them."""
    columns = ("source_table", "reprocessing_status", "rejection_reason", "rejection_detail")
    return by_partition(lakehouse, REJECTED_RECORDS, columns, _counted)


def _counted(rows: pa.Table) -> Counts:
    status = rows["reprocessing_status"]
    is_open = pc.is_in(status, value_set=pa.array(OPEN))
    # An orphan that somebody discarded waits for nothing.
    closed = pc.and_(
        pc.equal(status, Reprocessing.DISCARDED.value),
        pc.fill_null(pc.ends_with(rows["rejection_detail"], SUPERSEDED), False),
    )
    is_orphan = pc.and_(pc.equal(rows["rejection_reason"], Reason.INVALID_FOREIGN_KEY.name), pc.or_(is_open, closed))
    marks = {"open": is_open, "orphans": is_orphan}
    flagged = pa.table({"name": rows["source_table"]} | {n: pc.cast(m, pa.int64()) for n, m in marks.items()})
    summed = flagged.group_by("name").aggregate([(name, "sum") for name in marks])
    return {row["name"]: {name: row[f"{name}_sum"] for name in marks} for row in summed.to_pylist()}


def _last_gone(lakehouse: str) -> dict[str, int]:
    newest: dict[str, int] = {}
    for of_day in by_partition(lakehouse, SOURCE_DELETES, ("source_table", "_ingested_at"), _newest).values():
        for name, stamp in of_day.items():
            newest[name] = max(stamp, newest.get(name, 0))
    return newest


def _newest(rows: pa.Table) -> dict[str, int]:
    found = rows.group_by("source_table").aggregate([("_ingested_at", "max")])
    stamps = found["_ingested_at_max"].cast(pa.int64()).to_pylist()
    return dict(zip(found["source_table"].to_pylist(), stamps, strict=True))
