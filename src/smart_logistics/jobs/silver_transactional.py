"""Bronze rows to Silver: parents before children, then the history of every shipment that an event or a new row touches."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame

from smart_logistics.contracts.silver import EVENTS, SHIPMENT_VERSIONS
from smart_logistics.contracts.source import SHIPMENT_STATUS_EVENTS, SHIPMENTS, SOURCE_TABLES
from smart_logistics.jobs import catalog
from smart_logistics.jobs.row_batch import PRODUCER, SILVER, RowBatch, parent_keys
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake.changes import OPERATION, difference
from smart_logistics.lake.store import Lake, instant_literal
from smart_logistics.silver import shipment_history


def run(ctx: Context) -> Mapping[str, object]:
    """Judge and settle every source table; return rows changed and rejected."""
    stamp = ctx.lake.new_stamp()
    batches = {
        source.name: RowBatch(ctx.lake, source, SILVER[source.name], stamp, ctx.run_id) for source in SOURCE_TABLES
    }
    for source in SOURCE_TABLES:
        if source is SHIPMENTS:
            _run_shipments(batches[SHIPMENTS.name], batches[SHIPMENT_STATUS_EVENTS.name])
        elif source is not SHIPMENT_STATUS_EVENTS:
            batches[source.name].run()
    changed = {name: batch.changed for name, batch in batches.items() if batch.changed}
    return {
        "rows": sum(changed.values()),
        "rejected": sum(batch.rejected for batch in batches.values()),
        "tables": changed,
    }


def _run_shipments(shipments: RowBatch, events: RowBatch) -> None:
    """Shipments' rows are judged first, their events next (a new shipment's too), and both make the history."""
    lake = shipments.lake
    rows: DataFrame | None = None
    if not shipments.is_idle:
        shipments.judge()
        shipments.record()
        existing = lake.lookup(SHIPMENT_VERSIONS, SHIPMENTS.key, shipments.touched())
        rows = shipments.settle(shipment_history.latest_rows(existing)).persist()
    if not events.is_idle:
        events.run(_known_shipments(lake, rows))
    seen = lake.progress(SHIPMENT_VERSIONS)
    if rows is not None or lake.progress(EVENTS) > seen:
        _rebuild(shipments, rows, seen)
    if rows is not None:
        shipments.close_found(rows)


def _known_shipments(lake: Lake, rows: DataFrame | None) -> Mapping[str, DataFrame]:
    """Return the parents of events where this run has shipments that Silver does not hold yet."""
    if rows is None:
        return {}
    held = lake.read(SHIPMENT_VERSIONS).select(SHIPMENTS.key).distinct()
    return {SHIPMENTS.key: held.union(rows.select(SHIPMENTS.key))}


def _rebuild(shipments: RowBatch, rows: DataFrame | None, seen: int) -> None:
    """Rebuild the versions of the touched shipments from their events and merge what differs."""
    lake = shipments.lake
    with_events = lake.since(EVENTS, seen).select(SHIPMENTS.key)
    touched = (with_events if rows is None else with_events.union(rows.select(SHIPMENTS.key))).distinct().persist()
    existing = lake.lookup(SHIPMENT_VERSIONS, SHIPMENTS.key, touched).persist()
    current = shipment_history.latest_rows(existing)
    kept = current.select(*SHIPMENTS.column_names, "_ingested_at", "_deleted_at", "is_deleted")
    if rows is not None:
        kept = kept.join(rows, SHIPMENTS.key, "left_anti").unionByName(rows)
    history = shipment_history.versions(
        shipment_history.with_months(kept, current), lake.lookup(EVENTS, SHIPMENTS.key, touched)
    )
    compared = [name for name in SHIPMENT_VERSIONS.column_names if name != "_changed_at"]
    changes = difference(existing, history, SHIPMENT_VERSIONS.key, compared, delete=True).withColumn(
        "_changed_at", instant_literal(shipments.stamp)
    )
    shipments.changed = lake.merge(
        SHIPMENT_VERSIONS,
        changes.select(*SHIPMENT_VERSIONS.column_names, OPERATION),
        shipments.stamp,
        partitions=existing.select("created_month"),
    )


if __name__ == "__main__":
    main(catalog.SILVER_TRANSACTIONAL, run, producers=(PRODUCER,))
