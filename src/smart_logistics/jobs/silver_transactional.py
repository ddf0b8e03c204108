"""Bronze rows to Silver: parents before children, and the history of every shipment that something new touches."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame

from smart_logistics.contracts.silver import EVENTS, LAYER, SHIPMENT_VERSIONS
from smart_logistics.contracts.source import SHIPMENT_STATUS_EVENTS, SHIPMENTS, SOURCE_TABLES
from smart_logistics.jobs import catalog, rows_again
from smart_logistics.jobs.row_batch import PRODUCER, RowBatch
from smart_logistics.jobs.row_batches import changed, of_all_tables, rejected
from smart_logistics.jobs.runner import Context, main, summed
from smart_logistics.lake.changes import difference
from smart_logistics.lake.store import instant_literal
from smart_logistics.silver import shipment_history

_KEY = SHIPMENTS.key


def run(ctx: Context) -> Mapping[str, object]:
    """Judge and settle every source table; return versions judged (where known), rows changed and rejected.

    Then, where the run was asked to, make them again, see ``rows_again``.
    """
    counts = _settle(ctx)
    return summed(counts, rows_again.run(ctx)) if ctx.request.makes_again(LAYER) else counts


def _settle(ctx: Context) -> Mapping[str, object]:
    with (
        of_all_tables(ctx, RowBatch) as batches,
        ctx.lake.settings_for(few=all(batch.is_small for batch in batches.values())),
    ):
        for source in SOURCE_TABLES:
            if source is SHIPMENTS:
                _run_shipments(batches[SHIPMENTS.name], batches[SHIPMENT_STATUS_EVENTS.name])
            elif source is not SHIPMENT_STATUS_EVENTS:
                batches[source.name].run()
    tables = changed(batches.values())
    read = [batch.read for batch in batches.values()]
    return {
        "read": None if None in read else sum(filter(None, read)),
        "rows": sum(tables.values()),
        "rejected": rejected(batches.values()),
        "tables": tables,
    }


def _run_shipments(shipments: RowBatch, events: RowBatch) -> None:
    """Shipments' rows are judged first, their events next (a new shipment's too), and both make the history."""
    lake = shipments.lake
    orphans = shipments.retries_orphans()
    rows: DataFrame | None = None
    if shipments.has_news or orphans:
        shipments.judge(orphans=orphans)
        shipments.record()
        rows = shipments.keep(shipments.settle(orphans=orphans))
    _run_events(events, rows)
    if rows is not None or lake.progress(EVENTS) > shipments.since:
        _rebuild(shipments, events, rows)
    shipments.finish(orphans=orphans)


def _run_events(events: RowBatch, rows: DataFrame | None) -> None:
    """``rows`` are the shipments that this run settled and that Silver does not hold yet."""
    if rows is None:
        events.run()
        return
    events.run({_KEY: rows.select(_KEY)}, retry=True)


def _rebuild(shipments: RowBatch, events: RowBatch, rows: DataFrame | None) -> None:
    """Rebuild the versions of the touched shipments from their events and merge what differs."""
    lake = shipments.lake
    touched = lake.since(EVENTS, shipments.since).select(_KEY)
    if rows is not None:
        touched = touched.union(rows.select(_KEY))
    touched = shipments.keep(touched.distinct(), beside=events)
    known = lake.literals(touched, [_KEY])[_KEY]
    existing = shipments.keep(lake.lookup(SHIPMENT_VERSIONS, _KEY, touched, known=known), beside=events)
    current = shipment_history.latest_rows(existing)
    kept = current.select(*SHIPMENTS.column_names, "_ingested_at", "_deleted_at", "is_deleted")
    if rows is not None:
        kept = kept.join(rows, _KEY, "left_anti").unionByName(rows.drop("_held"))
    history = shipment_history.versions(
        shipment_history.with_months(kept, current), lake.lookup(EVENTS, _KEY, touched, known=known)
    )
    compared = [name for name in SHIPMENT_VERSIONS.column_names if name != "_changed_at"]
    changes = difference(existing, history, SHIPMENT_VERSIONS.key, compared, delete=True)
    shipments.changed = lake.merge(
        SHIPMENT_VERSIONS,
        changes.withColumn("_changed_at", instant_literal(shipments.stamp)),
        shipments.stamp,
        partitions=existing,
        advance=shipments.has_news or lake.progress(EVENTS) > shipments.since,
    )


if __name__ == "__main__":
    main(catalog.SILVER_TRANSACTIONAL, run, producers=(PRODUCER,))
