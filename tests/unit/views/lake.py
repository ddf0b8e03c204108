"""A small lakehouse on real Delta tables, made of the declarations: one shipment with everything, others around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
FIRST, SECOND = "KA01AB0001", "MH02CD0002"


def put(root: str, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    with tables.writing(root, table):
        tables.append_rows(root, table, list(rows))


def gold_row(shipment_id: str, **given: Any) -> dict[str, Any]:
    """A shipment without an alert, whose readings cover it."""
    created = given.get("created_at", START - HOUR)
    row = {
        "shipment_id": shipment_id,
        "order_id": "O1",
        "shipment_type": "Refrigerated",
        "status": "Delivered",
        "origin_city": "Mumbai",
        "destination_city": "Pune",
        "truck_ids": [FIRST],
        "driver_ids": [1],
        "assignment_count": 1,
        "trip_start": START,
        "trip_end": START + 8 * HOUR,
        "reading_count": 10,
        "avg_temperature": 5.0,
        "min_temperature": 4.0,
        "max_temperature": 6.0,
        "mean_kinetic_temperature": 5.1,
        "data_coverage": 1.0,
        "min_threshold": 2.0,
        "max_threshold": 8.0,
        "violation_count": 0,
        "max_deviation": 0.0,
        "excursion_count": 0,
        "excursion_minutes": 0.0,
        "longest_excursion_minutes": 0.0,
        "alert_severity": "None",
        "avg_temperature_severity": "None",
        "created_at": created,
        "updated_at": START + 9 * HOUR,
        "year": created.year,
        "month": created.month,
    } | given
    row.setdefault("temperature_alert", row["alert_severity"] != "None")
    return row


def alert(shipment_id: str, severity: str, minutes: float, **given: Any) -> dict[str, Any]:
    return gold_row(
        shipment_id,
        alert_severity=severity,
        violation_count=2,
        excursion_count=1,
        excursion_minutes=minutes,
        longest_excursion_minutes=minutes,
        max_deviation={"Minor": 1.0, "Major": 4.0, "Critical": 9.0}[severity],
        **given,
    )


def excursion(shipment_id: str, number: int, at: datetime, **given: Any) -> dict[str, Any]:
    return {
        "shipment_id": shipment_id,
        "truck_id": FIRST,
        "excursion_no": number,
        "started_at": at,
        "ended_at": at + 30 * MINUTE,
        "minutes": 30.0,
        "reading_count": 2,
        "peak_temperature": 12.0,
        "peak_deviation": 4.0,
        "peak_at": at,
        "peak_latitude": 18.9,
        "peak_longitude": 73.2,
        "severity": "Major",
        "year": 2026,
        "month": 11,
    } | given


def reading(truck: str, at: datetime, temperature: float, reason: str | None = None) -> dict[str, Any]:
    return {
        "truck_id": truck,
        "event_ts": at,
        "temperature": temperature,
        "latitude": 18.5,
        "longitude": 73.8,
        "is_outlier": reason is not None,
        "outlier_reason": reason,
        "source_file": "iot_telemetry_20261102_120000_gw.json",
        "_ingested_at": at,
        "_changed_at": at,
        "reading_date": at.date(),
    }


def assignment(number: int, shipment_id: str, vehicle: int, start: datetime, end: datetime | None, **given: Any) -> Any:
    return {
        "assignment_id": number,
        "shipment_id": shipment_id,
        "vehicle_id": vehicle,
        "driver_id": 1,
        "assignment_start_time": start,
        "assignment_end_time": end,
        "status": "COMPLETED" if end else "ACTIVE",
        "is_deleted": False,
        "_ingested_at": START,
        "_changed_at": START,
    } | given


def letter(number: int, reason: str, payload: str, at: datetime, **given: Any) -> dict[str, Any]:
    return {
        "record_id": str(number),
        "source_table": "iot_telemetry",
        "source_file": "f.json",
        "source_key": f"f.json:{number}",
        "rejection_reason": reason,
        "rejection_detail": f"detail {number}",
        "raw_payload": payload,
        "layer": "silver",
        "rejected_at": at,
        "reprocessing_status": "PENDING",
        "rejection_date": at.date(),
    } | given


def record(truck: str, timestamp: str, temperature: float | None = None) -> str:
    return json.dumps({"truck_id": truck, "timestamp": timestamp, "temperature": temperature})


def parents(root: str) -> None:
    """Two trucks, a driver, a type and a warehouse."""
    stamps = {"_ingested_at": START, "_changed_at": START, "_used_changed_at": START, "is_deleted": False}
    plates = {1: FIRST, 2: SECOND}
    put(root, silver.VEHICLES, ({"vehicle_id": n, "license_plate": p, **stamps} for n, p in plates.items()))
    put(root, silver.DRIVERS, [{"driver_id": 1, "name": "A. Driver", **stamps}])
    kind = {"type_name": "Refrigerated", "min_temperature": 2, "max_temperature": 8, "max_excursion_minutes": 60}
    put(root, silver.SHIPMENT_TYPES, [{**kind, **stamps}])
    place = {"warehouse_id": 1, "city": "Pune", "latitude": 18.6, "longitude": 73.9}
    put(root, silver.WAREHOUSES, [{**place, **stamps}])


def version(number: int, status: str, start: datetime, end: datetime | None) -> dict[str, Any]:
    return {
        "shipment_sk": number,
        "shipment_id": "S1",
        "order_id": "O1",
        "shipment_type": "Refrigerated",
        "status": status,
        "created_at": START - HOUR,
        "version": number,
        "effective_start_ts": start,
        "effective_end_ts": end,
        "is_current": end is None,
        "is_deleted": False,
        "created_month": "2026-11",
        "_ingested_at": START,
        "_changed_at": START,
    }


def a_journey(root: str) -> None:
    """S1: two trucks, an excursion, a gap of two hours, an outlier, three dead letters, two statuses."""
    parents(root)
    put(
        root,
        gold.SHIPMENT_ANALYTICS,
        [alert("S1", "Major", 30.0, truck_ids=[FIRST, SECOND], data_coverage=0.7), gold_row("S2")],
    )
    put(root, gold.TEMPERATURE_EXCURSIONS, [excursion("S1", 1, START + 30 * MINUTE), excursion("S2", 1, START)])
    handover = START + 4 * HOUR
    put(
        root,
        silver.TRUCK_ASSIGNMENTS,
        [
            assignment(1, "S1", 1, START, handover),
            assignment(2, "S1", 2, handover, START + 8 * HOUR),
            assignment(3, "S1", 2, START, None, status="CANCELLED"),
            assignment(4, "S2", 2, START, None),
        ],
    )
    temperatures = {0: 5.0, 30: 12.0, 60: 9.0, 90: 6.0, 210: 5.0, 240: 7.0}
    put(
        root,
        silver.IOT_TELEMETRY,
        [
            *(
                reading(FIRST if minute < 240 else SECOND, START + minute * MINUTE, value)
                for minute, value in temperatures.items()
            ),
            reading(FIRST, START + 10 * MINUTE, 61.0, "TEMPERATURE_RANGE"),
            # The first truck after the handover, and the second before it: other shipments' readings.
            reading(FIRST, handover, 30.0),
            reading(SECOND, START, 30.0),
        ],
    )
    put(
        root,
        bronze.REJECTED_RECORDS,
        [
            letter(1, "NULL_CRITICAL_FIELD", record(f" {FIRST.lower()} ", "2026-11-02T08:20:00Z"), START + HOUR),
            letter(2, "MALFORMED_JSON", record(FIRST, "")[:30], START + HOUR),
            letter(3, "DUPLICATE_DETECTED", record(SECOND, "2026-11-02T12:00:00Z", 7), START + 30 * HOUR),
            letter(4, "DUPLICATE_DETECTED", record(SECOND, "2026-11-02T08:00:00Z"), START + HOUR),
            letter(5, "MALFORMED_JSON", record(FIRST, "")[:30], START - 2 * HOUR),
            letter(6, "MALFORMED_JSON", "nothing of ours", START + HOUR),
        ],
    )
    put(
        root,
        silver.SHIPMENT_VERSIONS,
        [version(2, "Delivered", START + 8 * HOUR, None), version(1, "In Transit", START, START + 8 * HOUR)],
    )
