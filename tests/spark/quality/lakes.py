"""A small sound lakehouse, written by hand, row by row; and rows to damage it with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant
from tests.spark.silver.builders import PARENTS, at, extract, reading, row

FILE = "iot_telemetry_20261101_000000_a.json"


def lake_of(spark: SparkSession, root: Path | str, job: str) -> Lake:
    return Lake(spark, str(root), job)


def only_bronze(root: Path) -> tuple[int, int, int]:
    """Two shipments; S1's truck sends three readings, one of them 3 °C too warm, one a repeat, one broken.

    Returns the stamps of the two extractions and of the ingestion.
    """
    lake = Lake(None, str(root), "tests")  # type: ignore[arg-type]  # nothing here needs Spark
    first = extract(
        lake,
        **{name: [row(name)] for name in PARENTS},
        orders=[row("orders"), row("orders", order_id="ORPHAN", customer_id=77)],
        shipments=[row("shipments"), row("shipments", shipment_id="S2")],
        shipment_status_events=[
            row("shipment_status_events"),
            row("shipment_status_events", event_id=2, shipment_id="S2"),
            row("shipment_status_events", event_id=3, status="In Transit", changed_at=at(5)),
        ],
        truck_assignments=[row("truck_assignments", assignment_end_time=at(600))],
    )
    second = extract(lake, shipments=[row("shipments", status="In Transit", updated_at=at(6))])
    taken = land(lake, [reading(0), reading(10, temperature=11.0), reading(20), reading(20)], broken=1)
    return first, second, taken


def healthy(root: Path) -> None:
    """Write what the jobs should make of ``only_bronze``, by hand."""
    first, second, taken = only_bronze(root)
    lake = Lake(None, str(root), "tests")  # type: ignore[arg-type]  # as above
    _settle(lake, first, second)
    stamp = lake.new_stamp()
    repeat = letter(taken, record_id="repeat", rejection_reason="DUPLICATE_DETECTED")
    append(lake, bronze.REJECTED_RECORDS, repeat, stamp=stamp, app="silver_iot")
    kept = ((0, 5.0), (10, 11.0), (20, 5.0))
    append(lake, silver.IOT_TELEMETRY, *(silver_reading(taken, m, temperature=t) for m, t in kept), stamp=stamp)
    stamp = lake.new_stamp()
    append(lake, gold.SHIPMENT_ANALYTICS, analytics("S1", stamp), analytics("S2", stamp, empty=True), stamp=stamp)
    append(lake, gold.TEMPERATURE_EXCURSIONS, excursion(), stamp=stamp)
    append(lake, gold.FLEET_DAILY, truck_day(stamp), stamp=stamp)
    append(lake, gold.ROUTE_DAILY, route_day(stamp), stamp=stamp)


def _settle(lake: Lake, first: int, second: int) -> None:
    """Write what Silver makes of the two extractions; of drivers none came."""
    stamp = lake.new_stamp()
    orphan = letter(
        first, record_id="o", source_table="orders", source_key="ORPHAN", rejection_reason="INVALID_FOREIGN_KEY"
    )
    append(lake, bronze.REJECTED_RECORDS, orphan, stamp=stamp, app="silver_transactional.orders")
    for table in silver.LATEST.values():
        end = {"assignment_end_time": at(600)} if table is silver.TRUCK_ASSIGNMENTS else {}
        if table is not silver.DRIVERS:
            append(lake, table, silver_row(table, first, **end), stamp=stamp)
    events = ((1, "S1", "Created", 0), (2, "S2", "Created", 0), (3, "S1", "In Transit", 5))
    names = ("event_id", "shipment_id", "status", "changed_at")
    taken = [dict(zip(names, (i, s, status, at(minute)), strict=True)) for i, s, status, minute in events]
    append(lake, silver.EVENTS, *(silver_row(silver.EVENTS, first, **event) for event in taken), stamp=stamp)
    moving = {"_row_status": "In Transit", "updated_at": at(6)}
    append(
        lake,
        silver.SHIPMENT_VERSIONS,
        version(second, effective_end_ts=at(5), is_current=False, **moving),
        version(second, shipment_sk=2, version=2, status="In Transit", effective_start_ts=at(5), **moving),
        version(first, shipment_id="S2", shipment_sk=3),
        stamp=stamp,
    )


def land(
    lake: Lake, records: list[dict[str, Any]], *, file: str = FILE, broken: int = 0, told: int | None = None
) -> int:
    """Ingest one file; ``broken`` records of it are rejected, and the log tells ``told`` records."""
    stamp = lake.new_stamp()
    when = instant(stamp)
    for position, record in enumerate(records, 1):
        record |= {"source_file": file, "position": position, "_ingested_at": when, "_run_id": "r"}
    append(lake, bronze.IOT_TELEMETRY, *records, stamp=stamp)
    letters = [letter(stamp, record_id=f"{file}{n}", source_file=file, layer="bronze") for n in range(broken)]
    if letters:
        append(lake, bronze.REJECTED_RECORDS, *letters, stamp=stamp)
    log = {
        "file_name": file,
        "record_count": len(records) + broken if told is None else told,
        "rejected_count": broken,
        "checksum_md5": file,
        "processed_at": when,
        "status": "LOADED",
    }
    append(lake, bronze.PROCESSED_FILES_LOG, log, stamp=stamp)
    return stamp


def append(lake: Lake, table: Table, *rows: dict[str, Any], stamp: int, app: str | None = None) -> None:
    """Append rows to a table as one of its jobs would, with its progress."""
    stamps = {c.name: instant(stamp) for c in table.columns if c.type == "timestamp" and not c.nullable}
    tables.append_rows(lake.root, table, [stamps | given for given in rows], app=app or table.apps[0], stamp=stamp)


def letter(stamp: int, **values: Any) -> dict[str, Any]:
    return {
        "record_id": "id",
        "source_table": "iot_telemetry",
        "source_file": FILE,
        "source_key": "k",
        "rejection_reason": "MALFORMED_JSON",
        "layer": "silver",
        "rejected_at": instant(stamp),
        "reprocessing_status": "PENDING",
        "_ingested_at": instant(stamp),
        "rejection_date": instant(stamp).date(),
    } | values


def analytics(shipment_id: str, stamp: int, *, empty: bool = False, **values: Any) -> dict[str, Any]:
    readings = (0, None, None, 0, None) if empty else (3, 5.0, 11.0, 1, 7.0)
    names = ("reading_count", "min_temperature", "max_temperature", "violation_count", "avg_temperature")
    return {
        "shipment_id": shipment_id,
        "status": "Created" if empty else "In Transit",
        "truck_ids": [],
        "driver_ids": [],
        "assignment_count": 0,
        **dict(zip(names, readings, strict=True)),
        "first_reading_at": None if empty else at(0),
        "last_reading_at": None if empty else at(20),
        "excursion_count": 0 if empty else 1,
        "excursion_minutes": 0.0 if empty else 10.0,
        "longest_excursion_minutes": 0.0,
        "temperature_alert": not empty,
        "alert_severity": "None" if empty else "Major",
        "avg_temperature_severity": "None",
        "created_at": at(0),
        "updated_at": instant(stamp),
        "year": 2026,
        "month": 11,
    } | values


def excursion(**values: Any) -> dict[str, Any]:
    return {
        "shipment_id": "S1",
        "truck_id": "MH12AB1234",
        "excursion_no": 1,
        "started_at": at(10),
        "ended_at": at(20),
        "minutes": 10.0,
        "reading_count": 1,
        "peak_temperature": 11.0,
        "peak_deviation": 3.0,
        "peak_at": at(10),
        "severity": "Major",
        "year": 2026,
        "month": 11,
    } | values


def truck_day(stamp: int, **values: Any) -> dict[str, Any]:
    """Return what the three readings and the excursion of ``healthy`` make; no trip of an answer begins there."""
    counts = ("shipments", "outlier_count", "minor_excursions", "critical_excursions", "deliveries")
    return {
        "truck_id": "MH12AB1234",
        "day": at(0).date(),
        **dict.fromkeys((*counts, "on_time_deliveries"), 0),
        "reading_count": 3,
        "covered_minutes": 20.0,
        "excursion_count": 1,
        "excursion_minutes": 10.0,
        "major_excursions": 1,
        "max_deviation": 3.0,
        "delay_minutes": 0.0,
        "updated_at": instant(stamp),
        "year": 2026,
        "month": 11,
    } | values


def route_day(stamp: int, **values: Any) -> dict[str, Any]:
    """Return what both shipments of ``healthy`` make, of which nobody knows the cities."""
    return {
        "day": at(0).date(),
        **dict.fromkeys(("deliveries", "on_time_deliveries", "minor_alerts", "critical_alerts"), 0),
        "shipments": 2,
        "delay_minutes": 0.0,
        "excursion_count": 1,
        "excursion_minutes": 10.0,
        "major_alerts": 1,
        "updated_at": instant(stamp),
        "year": 2026,
        "month": 11,
    } | values


def silver_row(table: Table, stamp: int, **values: Any) -> dict[str, Any]:
    """Return a row of a Silver table of latest versions."""
    when = {"is_deleted": False, "_ingested_at": instant(stamp), "_changed_at": instant(stamp)}
    names = table.column_names
    return {name: value for name, value in (row(table.name) | when | values).items() if name in names}


def version(stamp: int, **values: Any) -> dict[str, Any]:
    return (
        silver_row(silver.SHIPMENT_VERSIONS, stamp)
        | {
            "shipment_sk": 1,
            "version": 1,
            "effective_start_ts": at(0),
            "effective_end_ts": None,
            "is_current": True,
            "_row_status": "Created",
            "created_month": "2026-11",
        }
        | values
    )


def silver_reading(stamp: int, minutes: float, **values: Any) -> dict[str, Any]:
    when = at(minutes)
    return {
        "truck_id": "MH12AB1234",
        "event_ts": when,
        "temperature": 5.0,
        "is_outlier": False,
        "source_file": FILE,
        "_ingested_at": instant(stamp),
        "_changed_at": instant(stamp),
        "reading_date": when.date(),
    } | values
