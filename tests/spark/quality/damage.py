"""Damage of every kind that the gate looks for, planted into a sound lakehouse that was checked before."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from deltalake import DeltaTable, Schema

from smart_logistics.contracts import bronze, gold, ops, silver
from smart_logistics.contracts.gold import HOLD_PROPERTY
from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from tests.spark.quality import lakes
from tests.spark.silver.builders import at, extract, reading, row

LATE = "iot_telemetry_20261101_010000_b.json"
# The table and check that must say so, and what of the damage it must name.
PLANTED: dict[tuple[str, str], str] = {
    ("bronze.source_deletes", "schema"): "_ingestion_date is missing",
    ("silver.orders", "unconstrained"): "total_amount_positive",
    ("silver.orders", "constraints"): "total_amount_positive: 1",
    ("silver.iot_telemetry", "required"): "truck_id: 1",
    ("silver.iot_telemetry", "key_unique"): "truck_id=MH12AB1234, event_ts=2026-11-01 00:00:00",
    ("gold.shipment_analytics", "key_unique"): "shipment_id=S2",
    ("silver.orders", "foreign_keys"): "customer_id=99",
    ("bronze.customers", "rows_by_runs"): "1 rows at the check before",
    ("bronze.processed_files_log", "files_reconciled"): LATE,
    ("silver.iot_telemetry", "readings_reconciled"): lakes.FILE,
    ("silver.iot_telemetry", "total_reconciled"): "in Bronze",
    ("silver.drivers", "one_place"): "key 5",
    ("silver.orders", "from_bronze"): "key O9",
    ("silver.iot_telemetry", "from_bronze"): "2026-11-01 00:30:00",
    ("silver.shipments", "scd2"): "shipment_id=S3",
    ("gold.shipment_analytics", "complete"): "shipment_id=S3",
    ("gold.shipment_analytics", "total_complete"): "live shipments",
    ("gold.temperature_excursions", "excursions_agree"): "shipment_id=S2",
    ("gold.fleet_daily", "figures_agree"): "truck_id=MH12AB1234, day=2026-11-01",
    ("gold.route_daily", "figures_agree"): "origin_city=null, destination_city=Leh, day=2026-11-01",
    ("gold.fleet_daily", "total_figures"): "3 excursions of 2",
    ("gold.route_daily", "total_figures"): "9 shipments of 4",
    ("gold.shipment_analytics", "recomputed"): "S3",
    ("gold.shipment_analytics", "hold_minutes"): "computed with 30, set is 60",
    ("bronze.rejected_records", "rejection_rate"): "1 of 3 versions",
    ("bronze.rejected_records", "rejection_rate_alert"): "ALERT",
    ("silver.iot_telemetry", "rejection_rate"): "2 of 5 telemetry records",
    ("silver.iot_telemetry", "rejection_rate_alert"): "ALERT",
    ("silver.iot_telemetry", "outlier_rate"): "1 of 2 readings",
    ("silver.iot_telemetry", "freshness_minutes"): "2026-11-01",
    ("bronze.processed_files_log", "file_lag_minutes"): LATE,
    ("silver.truck_assignments", "overlapping_assignments"): "assignment_id=2",
    ("silver.shipments", "status_agrees"): "S3",
    ("silver.customers", "small_files"): "small files",
    ("silver.drivers", "is_behind"): "",
    ("gold.shipment_analytics", "is_behind"): "",
    ("bronze.iot_telemetry", "volume"): "1 now, 100 usually",
}


def delta(lake: Lake, table: Table) -> DeltaTable:
    return DeltaTable(tables.uri(lake.root, table))


def damage(lake: Lake) -> None:
    """Plant everything of ``PLANTED``."""
    _metadata(lake)
    lakes.land(lake, [reading(100)], file=LATE, broken=2, told=5)
    stamp = lake.new_stamp()
    lakes.append(
        lake,
        silver.IOT_TELEMETRY,
        lakes.silver_reading(stamp, 30, truck_id=" \u2003"),
        lakes.silver_reading(stamp, 0, is_outlier=True, outlier_reason="SPEED"),
        stamp=stamp,
    )
    _rows(lake)
    _answers(lake)
    # A run that wrote to Silver after the last one that wrote to Gold.
    stamp = lake.new_stamp()
    lakes.append(lake, silver.WAREHOUSES, lakes.silver_row(silver.WAREHOUSES, stamp, warehouse_id=2), stamp=stamp)


def _metadata(lake: Lake) -> None:
    short = Schema(tables.schema(bronze.SOURCE_DELETES).fields[:-1])
    DeltaTable.create(tables.uri(lake.root, bronze.SOURCE_DELETES), schema=short)
    delta(lake, silver.ORDERS).alter.drop_constraint("total_amount_positive")
    lake.set_table_property(gold.SHIPMENT_ANALYTICS, HOLD_PROPERTY, "30")
    delta(lake, bronze.EXTRACTED["customers"]).delete()
    past = [_past(run_id) for run_id in ("a", "b", "c")]
    tables.append_rows(lake.root, ops.DQ_METRICS, past)


def _past(run_id: str) -> dict[str, Any]:
    """A check of an earlier run: a hundred new records."""
    return {
        "run_id": run_id,
        "layer": "bronze",
        "table_name": "iot_telemetry",
        "check_name": "new_rows",
        "severity": "warn",
        "status": "pass",
        "value": 100.0,
        "checked_at": datetime.now(UTC),
    }


def _rows(lake: Lake) -> None:
    taken = extract(lake, drivers=[row("drivers", driver_id=5), row("drivers", driver_id=6)])
    stamp = lake.new_stamp()
    lakes.append(lake, silver.DRIVERS, lakes.silver_row(silver.DRIVERS, stamp, driver_id=6), stamp=stamp)
    twice = lakes.letter(taken, record_id="d6", source_table="drivers", source_file=None, source_key="6")
    lakes.append(lake, bronze.REJECTED_RECORDS, twice, stamp=stamp, app="silver_transactional.drivers")
    extract(lake, drivers=[row("drivers", driver_id=7)])
    unknown = lakes.silver_row(silver.ORDERS, stamp, customer_id=99, order_id="O9", total_amount=Decimal("-1.00"))
    lakes.append(lake, silver.ORDERS, unknown, stamp=stamp)
    overlapping = lakes.silver_row(silver.TRUCK_ASSIGNMENTS, stamp, assignment_id=2, assignment_start_time=at(599))
    lakes.append(lake, silver.TRUCK_ASSIGNMENTS, overlapping, stamp=stamp)
    broken = lakes.version(stamp, shipment_id="S3", shipment_sk=33, version=2, _row_status="Delivered")
    lakes.append(lake, silver.SHIPMENT_VERSIONS, broken, stamp=stamp)
    for n in range(102):
        again = lakes.silver_row(silver.CUSTOMERS, stamp, customer_id=1000 + n)
        lakes.append(lake, silver.CUSTOMERS, again, stamp=stamp)


def _answers(lake: Lake) -> None:
    stamp = lake.new_stamp()
    again = lakes.analytics("S2", stamp)
    ghost = lakes.analytics("GHOST", stamp, empty=True)
    lakes.append(lake, gold.SHIPMENT_ANALYTICS, again, ghost, stamp=stamp)
    lakes.append(lake, gold.TEMPERATURE_EXCURSIONS, lakes.excursion(excursion_no=2), stamp=stamp)
    # Two excursions too many are told of, and seven shipments are made up.
    lakes.append(lake, gold.FLEET_DAILY, lakes.truck_day(stamp, major_excursions=2, excursion_count=2), stamp=stamp)
    lakes.append(lake, gold.ROUTE_DAILY, lakes.route_day(stamp, destination_city="Leh", shipments=7), stamp=stamp)
