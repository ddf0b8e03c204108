"""Bronze rows for tests: what a test is not about is filled in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import BY_NAME
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant

T0 = datetime(2026, 11, 1, tzinfo=UTC)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "customers": {"customer_id": 1, "name": "Asha"},
    "drivers": {"driver_id": 1, "name": "Ravi"},
    "warehouses": {"warehouse_id": 1, "city": "Pune", "latitude": 18.5, "longitude": 73.8},
    "shipment_types": {
        "type_name": "Refrigerated",
        "min_temperature": Decimal("2.00"),
        "max_temperature": Decimal("8.00"),
        "max_excursion_minutes": 60,
    },
    "vehicles": {"vehicle_id": 1, "license_plate": "MH12AB1234"},
    "orders": {"order_id": "O1", "customer_id": 1, "total_amount": Decimal("10.00")},
    "shipments": {
        "shipment_id": "S1",
        "order_id": "O1",
        "origin_warehouse_id": 1,
        "shipment_type": "Refrigerated",
        "status": "Created",
        "created_at": T0,
    },
    "shipment_status_events": {"event_id": 1, "shipment_id": "S1", "status": "Created", "changed_at": T0},
    "truck_assignments": {
        "assignment_id": 1,
        "shipment_id": "S1",
        "vehicle_id": 1,
        "assignment_start_time": T0,
        "status": "ACTIVE",
    },
}
PARENTS = ("customers", "warehouses", "shipment_types", "vehicles")


def at(minutes: float) -> datetime:
    """Return an instant some minutes after the first of all."""
    return T0 + timedelta(minutes=minutes)


def row(table: str, **values: Any) -> dict[str, Any]:
    """Return a source row; ``None`` is a value like others."""
    filled = {"updated_at": T0} | _DEFAULTS[table] | values
    return {name: filled.get(name) for name in (*BY_NAME[table].column_names, "_rescued_data")}


def extract(lake: Lake, **rows: list[dict[str, Any]]) -> int:
    """Append one extraction to Bronze as its job would, and return its stamp."""
    stamp = lake.new_stamp()
    for name, versions in rows.items():
        lineage = {"_ingested_at": instant(stamp), "_run_id": "r", "_ingestion_date": instant(stamp).date()}
        filled = [version | lineage for version in versions]
        tables.append_rows(lake.root, bronze.EXTRACTED[name], filled, app="bronze_ingest_sql", stamp=stamp)
    return stamp


def lose(lake: Lake, table: str, *keys: str) -> None:
    """Record that keys were found gone."""
    stamp = lake.new_stamp()
    rows = [
        {
            "source_table": table,
            "source_key": key,
            "_ingested_at": instant(stamp),
            "_run_id": "r",
            "_ingestion_date": instant(stamp).date(),
        }
        for key in keys
    ]
    tables.append_rows(lake.root, bronze.SOURCE_DELETES, rows, app="bronze_ingest_sql", stamp=stamp)


def reading(minutes: float = 0, **values: Any) -> dict[str, Any]:
    """Return a Bronze telemetry record as the parser makes it."""
    moment: datetime | None = values.pop("event_ts", at(minutes))
    day: date | None = moment.date() if moment else None
    return {
        "truck_id": "MH12AB1234",
        "timestamp": moment.isoformat() if moment else "?",
        "event_ts": moment,
        "temperature": 5.0,
        "latitude": None,
        "longitude": None,
        "schema_error": None,
        "source_file": "iot_telemetry_20261101_000000_a.json",
        "position": 1,
        "raw_payload": "{}",
        "reading_date": day,
    } | values


def land(lake: Lake, *records: dict[str, Any]) -> None:
    """Append one ingestion of telemetry to Bronze as its job would."""
    stamp = lake.new_stamp()
    rows = [record | {"_ingested_at": instant(stamp), "_run_id": "r"} for record in records]
    tables.append_rows(lake.root, bronze.IOT_TELEMETRY, rows, app="bronze_ingest_iot", stamp=stamp)
