"""The jobs behind Bronze as one step, and what they leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smart_logistics.contracts import ALL_TABLES
from smart_logistics.jobs import gold_aggregate, silver_iot, silver_transactional
from smart_logistics.jobs.request import USUAL, Request
from smart_logistics.jobs.runner import Context, planned
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import open_table
from tests.oracle.load import Lakehouse
from tests.oracle.model import Row

JOBS = {
    "silver_transactional": silver_transactional.run,
    "silver_iot": silver_iot.run,
    "gold_aggregate": gold_aggregate.run,
}
_SETTINGS = {"MAX_CLOCK_SKEW_MINUTES": 10, "HOLD_MINUTES": 60}


def run_pipeline(lake: Lake, request: Request = USUAL, **settings: int) -> dict[str, Mapping[str, Any]]:
    """Run Silver and Gold; return each job's result."""
    results = {}
    for name, job in JOBS.items():
        lake.job = name
        ctx = Context(lake, "run", "", _SETTINGS | settings, request)
        results[name] = planned(ctx, job) if request.dry_run else job(ctx)
    return results


def read_by_readers(lake: Lake) -> Iterator[tuple[str, list[Row]]]:
    """Yield what readers see of Silver and Gold: no columns that serve the pipeline, nor when a row last changed."""
    lakehouse = Lakehouse(Path(lake.root))
    for table in ALL_TABLES:
        if table.layer in ("silver", "gold"):
            hidden = {c for c in table.column_names if c.startswith("_")} | (
                {"updated_at"} if table.layer == "gold" else set()
            )
            rows = lakehouse.read(table.full_name)
            yield table.full_name, [{c: v for c, v in row.items() if c not in hidden} for row in rows]


def content(lake: Lake) -> dict[str, list[str]]:
    """Return what readers see of Silver and Gold, in an order of its own."""
    return {table: sorted(map(repr, rows)) for table, rows in read_by_readers(lake)}


def versions(lake: Lake) -> dict[str, int]:
    """Return the Delta version of every table."""
    opened = {table.full_name: open_table(lake.root, table) for table in ALL_TABLES}
    return {name: found.version() for name, found in opened.items() if found is not None}
