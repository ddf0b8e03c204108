"""What a rule lets through by mistake, the table refuses: each declared constraint and NOT NULL, whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from smart_logistics.contracts import ALL_TABLES, bronze, dispositions, gold, ops, silver
from smart_logistics.contracts.model import Table
from smart_logistics.errors import ConstraintBroken
from smart_logistics.jobs.runner import _of_engine
from smart_logistics.lake import constraints, small, tables
from smart_logistics.lake.operations import INSERT, OPERATION
from smart_logistics.lake.store import Lake
from tests.spark.quality import lakes
from tests.spark.silver.builders import at

STAMP = 1_800_000_000_000_000
STAMPS = count(STAMP)  # an older one would be taken for a replay
_READING = lakes.silver_reading(STAMP, 0)
_VERSION = lakes.version(STAMP)
_ROW = lakes.analytics("S1", STAMP)
_LOG = {"file_name": "f", "checksum_md5": "m", "processed_at": at(0), "status": "LOADED"}
_CHECK = {
    "run_id": "r",
    "layer": "gold",
    "table_name": "t",
    "check_name": "c",
    "severity": "warn",
    "status": "pass",
    "checked_at": at(0),
}

_DISPOSITION = lakes.excursion() | {
    "entry_no": 1,
    "format": 1,
    "request_id": "k",
    "decided_at": at(30),
    "author": "asha",
    "via": "airflow",
    "decision": "release",
    "reason": "brief",
    "excursions_version": 1,
    "analytics_version": 1,
    "previous_hash": "0" * 64,
    "entry_hash": "f" * 64,
}


def _row(table: Table) -> dict[str, Any]:
    used = {silver.USED_CHANGED_AT: at(0)} if silver.USED_CHANGED_AT in table.column_names else {}
    return lakes.silver_row(table, STAMP) | used


# A sound row of each table that has constraints, and for each constraint what breaks it.
SOUND: dict[str, dict[str, Any]] = {
    bronze.PROCESSED_FILES_LOG.full_name: _LOG,
    bronze.REJECTED_RECORDS.full_name: lakes.letter(STAMP),
    silver.ORDERS.full_name: _row(silver.ORDERS),
    silver.SHIPMENT_TYPES.full_name: _row(silver.SHIPMENT_TYPES),
    silver.TRUCK_ASSIGNMENTS.full_name: _row(silver.TRUCK_ASSIGNMENTS),
    silver.EVENTS.full_name: _row(silver.EVENTS),
    silver.SHIPMENT_VERSIONS.full_name: _VERSION,
    silver.IOT_TELEMETRY.full_name: _READING,
    gold.SHIPMENT_ANALYTICS.full_name: _ROW,
    gold.TEMPERATURE_EXCURSIONS.full_name: lakes.excursion(),
    dispositions.EXCURSION_DISPOSITIONS.full_name: _DISPOSITION,
    gold.FLEET_DAILY.full_name: lakes.truck_day(STAMP),
    gold.ROUTE_DAILY.full_name: lakes.route_day(STAMP),
    ops.DQ_METRICS.full_name: _CHECK,
}
BREAKING: dict[tuple[str, str], dict[str, Any]] = {
    ("bronze.processed_files_log", "status_known"): {"status": "TAKEN"},
    ("bronze.processed_files_log", "record_count_in_order"): {"record_count": 1, "rejected_count": 2},
    ("bronze.rejected_records", "rejection_reason_known"): {"rejection_reason": "BAD"},
    ("bronze.rejected_records", "reprocessing_status_known"): {"reprocessing_status": "DONE"},
    ("bronze.rejected_records", "layer_known"): {"layer": "gold"},
    ("silver.orders", "total_amount_positive"): {"total_amount": Decimal("-0.01")},
    ("silver.shipment_types", "max_temperature_in_order"): {"min_temperature": Decimal("8.01")},
    ("silver.truck_assignments", "status_known"): {"status": "OPEN"},
    ("silver.truck_assignments", "assignment_end_time_in_order"): {"assignment_end_time": at(-1)},
    ("silver.shipment_status_events", "status_known"): {"status": "Lost"},
    ("silver.shipments", "status_known"): {"status": "Lost"},
    ("silver.shipments", "version_positive"): {"version": 0},
    ("silver.shipments", "effective_end_ts_in_order"): {"effective_end_ts": at(-1), "is_current": False},
    ("silver.shipments", "is_current_true"): {"is_current": False},
    ("silver.shipments", "deleted_not_current"): {"is_deleted": True},
    ("silver.iot_telemetry", "outlier_reason_known"): {"is_outlier": True, "outlier_reason": "ODD"},
    ("silver.iot_telemetry", "is_outlier_true"): {"is_outlier": True},
    ("silver.iot_telemetry", "temperature_flagged"): {"temperature": 60.5},
    ("silver.iot_telemetry", "latitude_flagged"): {"latitude": -90.5},
    ("silver.iot_telemetry", "longitude_flagged"): {"longitude": 181.0},
    ("gold.shipment_analytics", "alert_severity_known"): {"alert_severity": "Bad"},
    ("gold.shipment_analytics", "avg_temperature_severity_known"): {"avg_temperature_severity": "Bad"},
    ("gold.shipment_analytics", "temperature_alert_true"): {"temperature_alert": False},
    ("gold.shipment_analytics", "reading_count_in_order"): {"violation_count": 4},
    ("gold.shipment_analytics", "violation_count_in_order"): {"excursion_count": 2},
    ("gold.shipment_analytics", "max_temperature_in_order"): {"min_temperature": 12.0},
    ("gold.shipment_analytics", "excursion_minutes_in_order"): {"longest_excursion_minutes": 11.0},
    ("gold.shipment_analytics", "measured"): {"avg_temperature": None},
    ("gold.temperature_excursions", "severity_known"): {"severity": "None"},
    ("gold.temperature_excursions", "number_positive"): {"excursion_no": 0},
    ("gold.temperature_excursions", "violates"): {"reading_count": 0},
    ("gold.temperature_excursions", "ended_at_in_order"): {"ended_at": at(9)},
    ("gold.excursion_dispositions", "entry_no_positive"): {"entry_no": 0},
    ("gold.excursion_dispositions", "author_given"): {"author": ""},
    ("gold.excursion_dispositions", "reason_given"): {"reason": ""},
    ("gold.excursion_dispositions", "decision_known"): {"decision": "keep"},
    ("gold.excursion_dispositions", "via_known"): {"via": "mail"},
    ("gold.excursion_dispositions", "ended_at_in_order"): {"ended_at": at(9)},
    ("gold.fleet_daily", "reading_count_in_order"): {"outlier_count": 4},
    ("gold.fleet_daily", "deliveries_in_order"): {"on_time_deliveries": 1},
    ("gold.fleet_daily", "severities"): {"minor_excursions": 1},
    ("gold.fleet_daily", "not_empty"): {
        **dict.fromkeys(("shipments", "reading_count", "excursion_count", "major_excursions"), 0)
    },
    ("gold.route_daily", "shipments_positive"): {"shipments": 0, "major_alerts": 0},
    ("gold.route_daily", "shipments_in_order"): {"deliveries": 3},
    ("gold.route_daily", "deliveries_in_order"): {"on_time_deliveries": 1},
    ("gold.route_daily", "alerts"): {"minor_alerts": 2},
    ("ops.dq_metrics", "severity_known"): {"severity": "info"},
    ("ops.dq_metrics", "status_known"): {"status": "ok"},
}
CONSTRAINED = [table for table in ALL_TABLES if table.constraints]


def arrow(table: Table, row: dict[str, Any]) -> pa.Table:
    whole = {name: row.get(name) for name in table.column_names}
    types = {field.name: field.type for field in pa.schema(tables.schema(table).to_arrow())}
    return pa.table({name: pa.array([whole[name]]).cast(types[name]) for name in whole})


def by_delta_rs(lake: Lake, table: Table, row: dict[str, Any]) -> None:
    small.append(lake.root, table, arrow(table, row), app="tests", stamp=1)


def by_spark(lake: Lake, table: Table, row: dict[str, Any]) -> None:
    lake._append(table, lake.frame_of(arrow(table, row)), "tests", next(STAMPS), evolve=False)


def by_spark_merge(lake: Lake, table: Table, row: dict[str, Any]) -> None:
    frame = lake.frame_of(arrow(table, row)).selectExpr("*", f"'{INSERT}' AS {OPERATION}")
    lake._merge_many(table, frame, None, "tests", next(STAMPS))


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    one = Lake(spark, str(tmp_path_factory.mktemp("constrained") / "lakehouse"), "tests")
    for table in ALL_TABLES:
        tables.ensure(one.root, table)
    return one


def test_each_constraint_is_broken_here_once() -> None:
    assert set(BREAKING) == {(table.full_name, one.name) for table in ALL_TABLES for one in table.constraints}
    assert set(SOUND) == {table.full_name for table in CONSTRAINED}


@pytest.mark.parametrize("table", CONSTRAINED, ids=lambda table: table.full_name)
def test_delta_rs_takes_a_sound_row_and_refuses_each_breach(lake: Lake, table: Table) -> None:
    sound = SOUND[table.full_name]
    before = DeltaTable(tables.uri(lake.root, table)).version()
    by_delta_rs(lake, table, sound)
    for one in table.constraints:
        with pytest.raises(DeltaError) as refused:
            by_delta_rs(lake, table, sound | BREAKING[table.full_name, one.name])
        assert isinstance(_of_engine(refused.value), ConstraintBroken), one
    assert DeltaTable(tables.uri(lake.root, table)).version() == before + 1


@pytest.mark.parametrize(
    ("write", "table"),
    [(by_spark, silver.IOT_TELEMETRY), (by_spark_merge, silver.ORDERS)],
    ids=["append", "merge"],
)
def test_spark_takes_a_sound_row_and_refuses_a_breach(
    lake: Lake, write: Callable[[Lake, Table, dict[str, Any]], None], table: Table
) -> None:
    with pytest.raises((PySparkException, Py4JError)) as refused:
        write(lake, table, SOUND[table.full_name] | BREAKING[table.full_name, table.constraints[-1].name])
    assert isinstance(_of_engine(refused.value), ConstraintBroken)
    before = DeltaTable(tables.uri(lake.root, table)).version()
    write(lake, table, SOUND[table.full_name])
    assert DeltaTable(tables.uri(lake.root, table)).version() == before + 1


@pytest.mark.parametrize("write", [by_delta_rs, by_spark])
def test_null_where_it_may_not_be_is_refused(lake: Lake, write: Callable[[Lake, Table, dict[str, Any]], None]) -> None:
    with pytest.raises((DeltaError, PySparkException, Py4JError)) as refused:
        write(lake, silver.ORDERS, SOUND[silver.ORDERS.full_name] | {"customer_id": None})
    assert isinstance(_of_engine(refused.value), ConstraintBroken)


def test_spark_reads_each_constraint_as_it_was_meant(lake: Lake) -> None:
    for table in CONSTRAINED:
        sound = SOUND[table.full_name]
        rows = [sound, *(sound | BREAKING[table.full_name, one.name] for one in table.constraints)]
        carried = DeltaTable(tables.uri(lake.root, table)).metadata().configuration
        frame = lake.frame_of(pa.concat_tables([arrow(table, row) for row in rows]))
        both = [(one.expression, carried[f"delta.constraints.{one.name}"]) for one in table.constraints]
        found = frame.selectExpr(*(text for pair in both for text in pair)).collect()
        for number, row in enumerate(found):
            told = [tuple(row[at * 2 : at * 2 + 2]) for at in range(len(both))]
            assert all(declared == written for declared, written in told), (table.full_name, told)
            if number:
                assert told[number - 1] == (False, False), (table.full_name, table.constraints[number - 1])
            else:
                assert set(told) == {(True, True)}, (table.full_name, told)


def test_a_table_of_an_earlier_release_is_given_them_once(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    for table in (silver.ORDERS, silver.SHIPMENT_TYPES):
        DeltaTable.create(tables.uri(root, table), schema=tables.schema(table))
        tables.append_rows(root, table, [SOUND[table.full_name]])
        DeltaTable(tables.uri(root, table)).alter.drop_constraint(table.constraints[0].name)
    broken = SOUND["silver.shipment_types"] | BREAKING["silver.shipment_types", "max_temperature_in_order"]
    tables.append_rows(root, silver.SHIPMENT_TYPES, [broken])
    for _ in range(2):
        (told,) = tables.upgrade_all(root)
        assert told.startswith("silver.shipment_types stays as it was")
    orders = DeltaTable(tables.uri(root, silver.ORDERS))
    assert constraints.missing(orders, silver.ORDERS) == []
    assert orders.metadata().configuration["delta.logRetentionDuration"] == "interval 30 days"
    assert orders.to_pyarrow_table().num_rows == 1
    version = orders.version()
    tables.upgrade_all(root)
    assert DeltaTable(tables.uri(root, silver.ORDERS)).version() == version
