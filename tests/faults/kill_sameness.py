"""Whether a site that was killed and caught up holds what it holds where nothing was killed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from smart_logistics.contracts import ALL_TABLES
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS
from tests.faults.kill_site import Site
from tests.oracle.load import Lakehouse

Content = Mapping[str, Counter[str]]
# Which run did it, and when; and beside the columns, what the pipeline keeps for itself: names with an underscore.
_OF_THE_RUN = frozenset({"run_id", "processed_at", "rejected_at", "rejection_date", "checked_at"})
_OF_A_MEASURE = frozenset({"value", "threshold", "detail"})
_NOT_COMPARED = frozenset({"bronze.source_fences"})  # which transactions were open is another at each moment

_SITE = re.compile(r".*/(?=(archive|failed)/)")


def content(site: Site) -> Content:
    """Return how often each table holds each row, the run and its moment aside."""
    lakehouse = Lakehouse(site.lakehouse)
    return {
        table.full_name: Counter(_told(table, row) for row in lakehouse.read(table.full_name))
        for table in ALL_TABLES
        if table.full_name not in _NOT_COMPARED
    }


def unlike(found: Content, wanted: Content) -> Iterator[str]:
    """Yield the rows that are lost, and those that are there too often."""
    for table, rows in wanted.items():
        yield from (f"{table}: lost: {row}" for row in (rows - found[table]).elements())
        yield from (f"{table}: too many: {row}" for row in (found[table] - rows).elements())


def _told(table: Table, row: Mapping[str, Any]) -> str:
    hidden = _OF_THE_RUN | (_OF_A_MEASURE if table is DQ_METRICS else set())
    if table.layer == "gold":
        hidden |= {"updated_at"}
    kept = {name: value for name, value in sorted(row.items()) if not name.startswith("_") and name not in hidden}
    if "file_path" in kept:
        kept["file_path"] = _SITE.sub("", kept["file_path"])  # of the site that it was taken in, copied since
    return repr(kept)
