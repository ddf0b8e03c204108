"""What is measured says what the tables say, reads no more than it must, and survives a part that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS, PIPELINE_RUNS, TASK_RUNS
from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.lake.small import merge_rows
from smart_logistics.lake.tables import uri
from smart_logistics.ops import measure, measure_runs
from smart_logistics.ops.measures import Sample

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAG = "smart_logistics_pipeline"


def run(run_id: str, state: str, ended_at: datetime, dag_id: str = DAG) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "dag_id": dag_id,
        "state": state,
        "run_type": "scheduled",
        "started_at": ended_at - timedelta(minutes=3),
        "ended_at": ended_at,
        "duration_s": 180.0,
        "bronze_rows": 10,
        "silver_rows": 9,
        "gold_rows": 2,
        "rejected_rows": 1,
    }


def tried(run_id: str, task_id: str, try_number: int, seconds: float) -> dict[str, Any]:
    return {"run_id": run_id, "task_id": task_id, "try_number": try_number, "duration_s": seconds, "state": "success"}


def letter(number: int, reason: str, status: str) -> dict[str, Any]:
    return {
        "record_id": str(number),
        "source_table": "orders",
        "source_key": str(number),
        "rejection_reason": reason,
        "layer": "silver",
        "rejected_at": NOW,
        "reprocessing_status": status,
        "rejection_date": NOW.date(),
    }


def check(name: str, status: str, at: datetime, value: float | None = 0.0) -> dict[str, Any]:
    return {
        "run_id": at.isoformat(),
        "layer": "gold",
        "table_name": "shipment_analytics",
        "check_name": name,
        "severity": "warn" if status == "warn" else "error",
        "status": status,
        "value": value,
        "checked_at": at,
    }


def by_labels(samples: Iterable[Sample], name: str) -> dict[tuple[str, ...], float]:
    found = [(tuple(one.labels.values()), one.value) for one in samples if one.measure.name == name]
    assert len(dict(found)) == len(found), "one series is sampled twice"
    return dict(found)


def put(lakehouse: Path, table: Table, *rows: dict[str, Any]) -> None:
    merge_rows(str(lakehouse), table, list(rows))


def test_the_last_run_and_the_last_success_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, PIPELINE_RUNS, run("r1", "success", NOW - timedelta(hours=2)), run("r2", "failed", NOW))
    put(tmp_path, TASK_RUNS, tried("r2", "start", 1, 5.0), tried("r2", "start", 2, 7.0), tried("r1", "start", 1, 1.0))
    found = list(measure_runs.samples(str(tmp_path), NOW))
    assert by_labels(found, "last_run_success") == {(DAG,): 0}
    assert by_labels(found, "last_success_timestamp_seconds") == {(DAG,): (NOW - timedelta(hours=2)).timestamp()}
    assert by_labels(found, "last_run_rows") == {(DAG, "bronze"): 10, (DAG, "silver"): 9, (DAG, "gold"): 2}
    assert by_labels(found, "last_run_task_tries") == {(DAG, "start"): 2}
    assert by_labels(found, "last_run_task_duration_seconds") == {(DAG, "start"): 7}
    assert by_labels(found, "last_day_runs") == {(DAG, "success"): 1, (DAG, "failed"): 1}


def test_a_success_of_weeks_ago_is_found_behind_all_failures_since(tmp_path: Path) -> None:
    put(tmp_path, PIPELINE_RUNS, run("old", "success", NOW - timedelta(days=30)), run("new", "failed", NOW))
    found = list(measure_runs.samples(str(tmp_path), NOW))
    assert by_labels(found, "last_success_timestamp_seconds") == {(DAG,): (NOW - timedelta(days=30)).timestamp()}


@pytest.mark.parametrize("days", [0.1, 30])
def test_a_dry_run_is_neither_the_last_run_nor_a_success(tmp_path: Path, days: float) -> None:
    last = NOW - timedelta(days=days)
    put(tmp_path, PIPELINE_RUNS, run("r1", "success", last), run("plan", "success", NOW) | {"run_type": "dry_run"})
    found = list(measure_runs.samples(str(tmp_path), NOW))
    assert by_labels(found, "last_success_timestamp_seconds") == {(DAG,): last.timestamp()}
    assert by_labels(found, "last_run_end_timestamp_seconds") == {(DAG,): last.timestamp()}
    assert by_labels(found, "last_day_runs")[DAG, "success"] == (days < 1)


def test_files_of_the_past_are_not_opened(tmp_path: Path) -> None:
    for days in (40, 30, 20):
        ended_at = NOW - timedelta(days=days)
        put(tmp_path, PIPELINE_RUNS, run(f"r{days}", "success", ended_at))
        put(tmp_path, DQ_METRICS, check("old", "fail", ended_at))
    past = [*Path(uri(str(tmp_path), PIPELINE_RUNS)).glob("*.parquet")]
    past += Path(uri(str(tmp_path), DQ_METRICS)).glob("*.parquet")
    put(tmp_path, PIPELINE_RUNS, run("now", "success", NOW))
    put(tmp_path, DQ_METRICS, check("new", "pass", NOW))
    assert len(past) == 6
    for file in past:
        file.unlink()
    found = [*measure_runs.samples(str(tmp_path), NOW), *measure_runs.quality(str(tmp_path))]
    assert by_labels(found, "last_run_end_timestamp_seconds") == {(DAG,): NOW.timestamp()}
    assert by_labels(found, "dq_checks")["error", "pass"] == 1


def test_the_last_gates_breaches_are_named_and_older_ones_are_not(tmp_path: Path) -> None:
    put(tmp_path, DQ_METRICS, check("gone", "fail", NOW - timedelta(hours=1)))
    put(tmp_path, DQ_METRICS, check("fine", "pass", NOW), check("bad", "fail", NOW, 3.0), check("odd", "warn", NOW))
    found = list(measure_runs.quality(str(tmp_path)))
    assert by_labels(found, "dq_checks") == {
        ("error", "pass"): 1,
        ("error", "fail"): 1,
        ("warn", "pass"): 0,
        ("warn", "warn"): 1,
    }
    names = {labels[2]: value for labels, value in by_labels(found, "dq_breached_check").items()}
    assert names == {"bad": 3, "odd": 0}


def test_the_lag_of_a_layer_is_the_age_of_its_newest_reading(tmp_path: Path) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=30)
    reading = {"truck_id": "T", "event_ts": moment, "temperature": 5.0, "is_outlier": False}
    times = {"_ingested_at": moment, "_changed_at": moment, "reading_date": moment.date()}
    put(tmp_path, IOT_TELEMETRY, reading | times | {"source_file": "f"})
    found = measure.collect(measure.parts(str(tmp_path), tmp_path))
    assert by_labels(found, "newest_reading_timestamp_seconds") == {("silver",): pytest.approx(moment.timestamp())}
    assert by_labels(found, "lag_seconds") == {("silver",): pytest.approx(1800, abs=60)}


def test_only_open_dead_letters_count(tmp_path: Path) -> None:
    statuses = ("PENDING", "REVIEWED", "REPROCESSED", "DISCARDED")
    put(
        tmp_path, REJECTED_RECORDS, *(letter(n, "BUSINESS_RULE_VIOLATION", status) for n, status in enumerate(statuses))
    )
    found = measure.collect(measure.parts(str(tmp_path), tmp_path))
    assert by_labels(found, "rejected_open") == {("orders", "BUSINESS_RULE_VIOLATION"): 2}


def test_an_empty_lakehouse_has_nothing_to_measure_and_no_failure(tmp_path: Path) -> None:
    found = measure.collect(measure.parts(str(tmp_path / "lakehouse"), tmp_path))
    assert set(by_labels(found, "collection_failed").values()) == {0}
    assert by_labels(found, "landing_files") == {(): 0}
    assert by_labels(found, "last_run_success") == {}


def test_a_part_that_cannot_be_measured_is_told_and_the_others_are_measured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, PIPELINE_RUNS, run("r1", "success", NOW))
    put(tmp_path, DQ_METRICS, check("fine", "pass", NOW))
    for file in Path(uri(str(tmp_path), DQ_METRICS)).glob("*.parquet"):
        file.unlink()
    found = measure.collect(measure.parts(str(tmp_path), tmp_path))
    failed = by_labels(found, "collection_failed")
    assert {part for (part,), value in failed.items() if value} == {"quality"}
    assert by_labels(found, "last_run_success") == {(DAG,): 1}
    assert "quality could not be measured" in caplog.text


def test_a_file_that_waits_is_seen_with_its_age_and_others_are_not(tmp_path: Path) -> None:
    for name in ("iot_telemetry_20260101_000000_1.json", ".iot_telemetry_20260101_000000_2.json", "notes.txt"):
        (tmp_path / name).write_text("{}")
    found = measure.collect(measure.parts(str(tmp_path / "lakehouse"), tmp_path))
    assert by_labels(found, "landing_files") == {(): 1}
    assert 0 <= by_labels(found, "landing_oldest_file_seconds")[()] < 60
