"""The peer's results are compared with ours before a figure counts: the comparison must see what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from benchmarks import duckdb_day, fleet_day
from benchmarks.same_results import differences
from deltalake import DeltaTable

from smart_logistics.contracts import silver

TRUCKS = 8


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    start = fleet_day.midnight(1)
    fleet_day.land(folder / "landed", TRUCKS, start)
    fleet_day.carry(folder / "carried", TRUCKS, {start: 1_700_000_000_000_000})
    duckdb_day.refresh(folder / "landed", folder / "carried", folder / "done")
    return folder


def test_a_day_of_files_has_work_for_the_rules(day: Path) -> None:
    lines = [line for file in sorted((day / "landed").iterdir()) for line in file.read_text().splitlines()]
    assert len(lines) > TRUCKS * fleet_day.MINUTES  # some came twice
    first = json.loads(lines[0])
    assert first["truck_id"] == fleet_day.plate(0)
    assert set(first) == {"truck_id", "timestamp", "temperature", "latitude", "longitude", "humidity"}


@pytest.mark.parametrize("truck", [0, 9_999, 12_345, 270_001])
def test_both_ways_to_write_a_plate_agree(truck: int) -> None:
    query = f"SELECT {fleet_day._PLATE} FROM (SELECT {truck} AS truck)"
    assert duckdb.connect().execute(query).fetchall() == [(fleet_day.plate(truck),)]


def test_every_record_and_every_shipment_ends_in_one_place(day: Path) -> None:
    rows = {
        name: DeltaTable(str(day / "done" / name)).to_pyarrow_table()
        for name in ("bronze/rejected_records", "silver/iot_telemetry", "gold/shipment_analytics")
    }
    lines = sum(len(file.read_text().splitlines()) for file in (day / "landed").iterdir())
    rejected, readings, answers = rows.values()
    assert rejected.num_rows + readings.num_rows == lines
    assert "DUPLICATE_DETECTED" in rejected.column("rejection_reason").to_pylist()
    assert answers.num_rows == TRUCKS * fleet_day.A_TRUCK
    assert 0 < sum(answers.column("excursion_count").to_pylist()) < answers.num_rows


@pytest.mark.parametrize(
    ("table", "where", "column", "value"),
    [
        ("silver/iot_telemetry", "truck_id = 'MH12AA0001'", "outlier_reason", "'SPEED'"),
        ("bronze/rejected_records", "rejection_reason = 'DUPLICATE_DETECTED'", "rejection_reason", "'LATE_ARRIVAL'"),
        ("gold/shipment_analytics", "alert_severity = 'None'", "avg_temperature", "avg_temperature * 1.0001 + 0.001"),
        ("gold/temperature_excursions", "excursion_no = 1", "severity", "'Minor'"),
    ],
)
def test_what_differs_is_told(day: Path, tmp_path: Path, table: str, where: str, column: str, value: str) -> None:
    assert differences(day / "done", day / "done") == []
    shutil.copytree(day / "done", tmp_path / "other")
    DeltaTable(str(tmp_path / "other" / table)).update(predicate=where, updates={column: value})
    told = differences(day / "done", tmp_path / "other")
    assert told
    assert all(line.startswith(table.replace("/", ".")) for line in told)


def test_only_what_is_asked_for_is_compared_beside_gold(day: Path, tmp_path: Path) -> None:
    shutil.copytree(day / "done", tmp_path / "other")
    DeltaTable(str(tmp_path / "other" / "silver" / "iot_telemetry")).delete("temperature > 60")
    where = {silver.IOT_TELEMETRY: "temperature <= 60"}
    assert differences(day / "done", tmp_path / "other", where=where) == []
    assert differences(day / "done", tmp_path / "other", where={silver.IOT_TELEMETRY: "true"})
