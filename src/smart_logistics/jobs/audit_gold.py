"""Gold made again from all of Silver, and compared."""

from __future__ import annotations

from collections.abc import Iterator

from smart_logistics.contracts.gold import TABLES
from smart_logistics.gold import figures
from smart_logistics.jobs.audit_silver import behind, rebuilt
from smart_logistics.jobs.gold_aggregate import Wanted
from smart_logistics.jobs.quality_window import Window
from smart_logistics.quality import declared, findings
from smart_logistics.quality.checks import Outcome


def gold_rebuilt(window: Window, hold_minutes: int) -> Iterator[Outcome]:
    """Compare every row of all tables, all columns but the time at which a row changed."""
    if any(window.gold_behind(table) for table in TABLES):
        yield from (behind(table) for table in TABLES)
        return
    wanted = Wanted(window.lake, hold_minutes)
    try:
        shipments = window.read(declared.SHIPMENTS)
        rows, excursions = map(wanted.keep, wanted.of(shipments.select("shipment_id").distinct(), shipments))
        said = [
            figures.said_by_readings(window.read(declared.READINGS), hold_minutes),
            figures.said_by_excursions(excursions),
            figures.said_by_trips(rows),
        ]
        frames = (rows, excursions, figures.trucks(said), figures.routes(rows))
        found = []
        for table, frame in zip(TABLES, frames, strict=True):
            columns = [name for name in table.column_names if name != "updated_at"]
            found.append(rebuilt(table, window.read(table), frame, columns))
        yield from findings.collected(found)
    finally:
        wanted.forget()
