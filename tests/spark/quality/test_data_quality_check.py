"""The gate on real Delta tables: a sound lakehouse passes, and each check is seen to fail on damage of its kind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.errors import QualityGateFailed
from smart_logistics.jobs import data_quality_check
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import still, tables
from smart_logistics.lake.store import Lake
from smart_logistics.quality import declared
from tests.spark.quality import lakes
from tests.spark.quality.damage import PLANTED, damage
from tests.spark.silver.builders import reading

Found = dict[tuple[str, str], dict[str, Any]]
# The readings are of a day long ago, and so is the file's name; a fifth of the records is rejected.
OLD_AND_BROKEN = {"freshness_minutes", "file_lag_minutes", "rejection_rate", "rejection_rate_alert"}


def check(lake: Lake, run_id: str = "r1") -> dict[str, Any]:
    lake.job = "data_quality_check"
    return dict(data_quality_check.run(Context(lake, run_id, "", {"HOLD_MINUTES": 60})))


def recorded(lake: Lake, run_id: str = "r1") -> Found:
    found = tables.open_table(lake.root, DQ_METRICS)
    assert found is not None
    rows = [r for r in found.to_pyarrow_table().to_pylist() if r["run_id"] == run_id]
    by_check = {(f"{r['layer']}.{r['table_name']}", r["check_name"]): r for r in rows}
    assert len(by_check) == len(rows)
    return by_check


def broken(found: Found, severity: str) -> set[tuple[str, str]]:
    return {name for name, r in found.items() if r["severity"] == severity and r["status"] != "pass"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound") / "lakehouse"
    lakes.healthy(root)
    return root


@pytest.fixture
def lake(spark: SparkSession, sound: Path, tmp_path: Path) -> Lake:
    shutil.copytree(sound, tmp_path / "lakehouse")
    return lakes.lake_of(spark, tmp_path / "lakehouse", "data_quality_check")


@pytest.fixture(scope="module")
def damaged(spark: SparkSession, sound: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, str]:
    """One of everything that can be wrong, checked once; returns what was recorded and the error's text."""
    root = tmp_path_factory.mktemp("damaged") / "lakehouse"
    shutil.copytree(sound, root)
    lake = lakes.lake_of(spark, root, "data_quality_check")
    check(lake, "r0")
    damage(lake)
    with pytest.raises(QualityGateFailed) as failure:
        check(lake)
    return recorded(lake), str(failure.value)


def test_a_sound_lakehouse_passes_every_error_check(lake: Lake) -> None:
    result = check(lake)
    found = recorded(lake)
    assert broken(found, "error") == set()
    assert {name for _, name in broken(found, "warn")} <= OLD_AND_BROKEN
    assert result == {"rows": len(found), "failed": 0, "warned": 5, "verdict": "warn"}
    assert found["bronze.customers", "rows"]["value"] == 1
    assert found["gold.shipment_analytics", "recomputed"]["detail"].endswith("2 shipments agree")
    assert found["silver.iot_telemetry", "rejection_rate"]["value"] == pytest.approx(2 / 5)


def test_a_second_run_has_nothing_new_and_a_retry_replaces_its_rows(lake: Lake) -> None:
    check(lake)
    first = recorded(lake)
    check(lake, "it's 2")
    check(lake, "it's 2")
    second = recorded(lake, "it's 2")
    assert recorded(lake) == first
    assert set(second) == set(first)
    assert second["bronze.iot_telemetry", "new_rows"]["value"] == 0


def test_a_run_that_is_checked_again_says_again_what_it_said(lake: Lake) -> None:
    check(lake)
    file = "iot_telemetry_20261101_010000_b.json"
    taken = lakes.land(lake, [reading(700)], file=file, broken=1)
    stamp = lake.new_stamp()
    lakes.append(lake, silver.IOT_TELEMETRY, lakes.silver_reading(taken, 700, source_file=file), stamp=stamp)
    for table in gold.TABLES:
        tables.advance(lake.root, table, app="gold_aggregate", stamp=lake.new_stamp())
    said = [check(lake, "r2") for _ in range(3)]
    assert said == [said[0]] * 3
    found = recorded(lake, "r2")
    assert {name for _, name in broken(found, "warn")} == OLD_AND_BROKEN
    assert found["silver.iot_telemetry", "rejection_rate"]["detail"].endswith("1 of 2 telemetry records")
    assert found["bronze.iot_telemetry", "new_rows"]["value"] == 1
    check(lake, "r3")
    assert recorded(lake, "r3")["bronze.iot_telemetry", "new_rows"]["value"] == 0


@pytest.mark.parametrize(("table", "check_name"), PLANTED)
def test_each_kind_of_damage_is_seen(damaged: tuple[Found, str], table: str, check_name: str) -> None:
    row = damaged[0][table, check_name]
    assert row["status"] == ("fail" if row["severity"] == "error" else "warn"), row
    assert PLANTED[table, check_name] in row["detail"], row["detail"]


def test_every_check_of_the_gate_is_seen_to_say_no() -> None:
    seen = {name for _, name in PLANTED}
    assert {check.name for check in declared.GATE if check.threshold is not None} == seen


def test_the_failure_names_checks_values_and_limits_after_everything_was_recorded(damaged: tuple[Found, str]) -> None:
    found, error = damaged
    failed = [row for row in found.values() if row["status"] == "fail"]
    assert error.startswith(f"{len(failed)} data-quality check(s) failed: ")
    first = next(row for row in found.values() if row["check_name"] == "schema" and row["status"] == "fail")
    assert f"{first['layer']}.{first['table_name']} schema = {first['value']:g}, at most 0" in error
    assert set(found) == {(table.full_name, one.name) for one, tables in declared.GATE.items() for table in tables}


def test_a_failed_check_is_asked_again_by_the_next_run(lake: Lake) -> None:
    stamp = lake.new_stamp()
    lakes.append(
        lake, silver.ORDERS, lakes.silver_row(silver.ORDERS, stamp, customer_id=99, order_id="O9"), stamp=stamp
    )
    for run_id in ("r1", "r2"):
        with pytest.raises(QualityGateFailed, match="customer_id=99"):
            check(lake, run_id)


def test_large_tables_are_read_by_spark_and_judged_alike(
    lake: Lake, damaged: tuple[Found, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(lake, "r0")
    monkeypatch.setattr(still, "_FEW_ROWS", 0)
    damage(lake)
    with pytest.raises(QualityGateFailed):
        check(lake)
    moving = ("freshness_minutes", "file_lag_minutes", "is_behind")
    alike = {name: r["value"] for name, r in recorded(lake).items() if name[1] not in moving}
    assert alike == {name: r["value"] for name, r in damaged[0].items() if name[1] not in moving}


def test_rows_lost_from_bronze_show_in_the_totals(lake: Lake) -> None:
    check(lake)
    found = tables.open_table(lake.root, bronze.IOT_TELEMETRY)
    assert found is not None
    found.delete("position = 1")
    with pytest.raises(QualityGateFailed, match="total_reconciled = 1"):
        check(lake, "r2")
