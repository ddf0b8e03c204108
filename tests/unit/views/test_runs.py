"""The run log as a person reads it, and no more of it opened than is asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_logistics.contracts import bronze, ops
from smart_logistics.contracts.ops import DQ_METRICS, PIPELINE_RUNS
from smart_logistics.lake.tables import uri
from smart_logistics.ops import deadlines
from smart_logistics.views import runs
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views.lake import letter, put

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)
DAG = "smart_logistics_pipeline"


def run(run_id: str, hours: float, state: str = "success", seconds: float = 100.0) -> dict[str, Any]:
    ended_at = NOW - timedelta(hours=hours)
    times = {"started_at": ended_at - timedelta(seconds=seconds), "ended_at": ended_at, "duration_s": seconds}
    return {"run_id": run_id, "dag_id": DAG, "state": state} | times


def check(run_id: str, name: str, status: str, hours: float = 0) -> dict[str, Any]:
    named = {"run_id": run_id, "layer": "gold", "table_name": "t", "check_name": name, "severity": "error"}
    return named | {"status": status, "checked_at": NOW - timedelta(hours=hours)}


def test_the_last_runs_come_first_and_old_files_stay_closed(tmp_path: Path) -> None:
    root = str(tmp_path)
    put(root, PIPELINE_RUNS, [run("old", 24 * 30)])
    put(root, DQ_METRICS, [check("old", "c", "fail", 24 * 30)])
    for table in (PIPELINE_RUNS, DQ_METRICS):
        for file in Path(uri(root, table)).glob("*.parquet"):
            file.unlink()
    put(root, PIPELINE_RUNS, [run("a", 2), run("b", 1, "failed"), run("other", 1) | {"dag_id": "another"}])
    put(root, DQ_METRICS, [check("a", "c", "pass", 2), check("b", "c", "warn", 1), check("b", "d", "fail", 1)])
    found = runs.last_runs(Snapshot(root), NOW, DAG)
    assert [one["run_id"] for one in found] == ["b", "a"]
    first, second = runs.gates(Snapshot(root))
    assert (first.run_id, first.verdict, [row["check_name"] for row in first.breached]) == ("b", "fail", ["d", "c"])
    assert (second.run_id, second.verdict, second.counts) == ("a", "pass", {"pass": 1, "warn": 0, "fail": 0})


def test_a_dry_run_is_shown_but_is_no_real_one(tmp_path: Path) -> None:
    put(str(tmp_path), PIPELINE_RUNS, [run("a", 2), run("plan", 1) | {"run_type": "dry_run"}])
    shown = runs.last_runs(Snapshot(str(tmp_path)), NOW, DAG)
    assert [one["run_id"] for one in shown] == ["plan", "a"]
    assert [one["run_id"] for one in runs.real(shown)] == ["a"]


def test_usual_is_the_median_of_the_last_good_runs_for_pages_and_alerts_alike(tmp_path: Path) -> None:
    root = str(tmp_path)
    odd = [run(kind, 2, seconds=1.0) | {"run_type": kind} for kind in ("backfill", "dry_run")]
    odd.append(run("f", 1, "failed", 1.0))
    old = [run(f"old{n}", 24 * 30 + n, seconds=1.0) for n in range(20)]
    put(root, PIPELINE_RUNS, [*odd, run("other", 1, seconds=1.0) | {"dag_id": "another"}])
    put(root, PIPELINE_RUNS, [run(f"r{n}", 3 + n, seconds=100.0 + n) for n in range(4)])
    assert runs.usual_seconds(Snapshot(root), DAG) is None
    put(root, PIPELINE_RUNS, [run("r4", 9, seconds=900.0)])
    assert runs.usual_seconds(Snapshot(root), DAG) == 102.0
    put(root, PIPELINE_RUNS, [run(f"s{n}", 20 + n, seconds=50.0) for n in range(5)])
    there = {*Path(uri(root, PIPELINE_RUNS)).glob("*.parquet")}
    put(root, PIPELINE_RUNS, old)
    (of_a_month_ago,) = {*Path(uri(root, PIPELINE_RUNS)).glob("*.parquet")} - there
    of_a_month_ago.unlink()
    assert runs.usual_seconds(Snapshot(root), DAG) == deadlines.usual_run_seconds(root, DAG) == 75.0
    assert runs.usual_seconds(Snapshot(str(tmp_path / "empty")), DAG) is None


def test_one_run_has_everything_that_names_it(tmp_path: Path) -> None:
    root = str(tmp_path)
    put(root, PIPELINE_RUNS, [run("r", 1), run("s", 2)])
    tried = {"run_id": "r", "task_id": "start", "state": "success", "started_at": NOW}
    put(
        root,
        ops.TASK_RUNS,
        [tried | {"try_number": 2}, tried | {"try_number": 1}, tried | {"run_id": "s", "try_number": 1}],
    )
    put(root, DQ_METRICS, [check("r", "a", "pass"), check("r", "b", "fail"), check("s", "a", "pass")])
    letters = [letter(n, "DUPLICATE_DETECTED", "{}", NOW, run_id="r" if n else "s") for n in range(3)]
    put(root, bronze.REJECTED_RECORDS, [*letters, letter(9, "MALFORMED_JSON", "{}", NOW, run_id="r")])
    file = {"checksum_md5": "m", "processed_at": NOW, "status": "LOADED"}
    files = [file | {"file_name": name, "run_id": name} for name in ("r", "s")]
    put(root, bronze.PROCESSED_FILES_LOG, files)
    found = runs.run(Snapshot(root), DAG, "r")
    assert found.run is not None
    assert [one["try_number"] for one in found.tries] == [1, 2]
    assert [one["check_name"] for one in found.checks] == ["b", "a"]
    assert [(one["rejection_reason"], one["letters"]) for one in found.rejected] == [
        ("DUPLICATE_DETECTED", 2),
        ("MALFORMED_JSON", 1),
    ]
    assert [one["file_name"] for one in found.files] == ["r"]


def test_of_an_old_run_no_later_file_is_opened(tmp_path: Path) -> None:
    root = str(tmp_path)
    old = NOW - timedelta(days=30)

    def leave(run_id: str, at: datetime) -> None:
        put(root, ops.TASK_RUNS, [{"run_id": run_id, "task_id": "t", "state": "failed", "try_number": 1} | at_(at)])
        put(root, DQ_METRICS, [check(run_id, "c", "pass") | {"checked_at": at}])
        put(root, bronze.REJECTED_RECORDS, [letter(1, "MALFORMED_JSON", "{}", at, run_id=run_id)])
        file = {"checksum_md5": "m", "processed_at": at, "status": "LOADED", "file_name": run_id, "run_id": run_id}
        put(root, bronze.PROCESSED_FILES_LOG, [file])

    def at_(at: datetime) -> dict[str, Any]:
        return {"started_at": at, "ended_at": at}

    put(root, PIPELINE_RUNS, [run("m", 24 * 30)])
    leave("m", old)
    # Cleared, it began anew; this try came before.
    earlier = {"run_id": "m", "task_id": "t", "state": "failed", "try_number": 0} | at_(old - timedelta(days=9))
    never = {"run_id": "m", "task_id": "u", "state": "upstream_failed", "try_number": 0}
    put(root, ops.TASK_RUNS, [earlier, never])
    whole = runs.run(Snapshot(root), DAG, "m")
    places = [Path(uri(root, t)) for t in (ops.TASK_RUNS, DQ_METRICS, bronze.REJECTED_RECORDS)]
    places.append(Path(uri(root, bronze.PROCESSED_FILES_LOG)))
    there = {file for place in places for file in place.rglob("*.parquet")}
    # Of the same name, so that only their times leave them out.
    leave("m", NOW)
    later = {file for place in places for file in place.rglob("*.parquet")} - there
    assert len(later) == len(places)
    for file in later:
        file.unlink()
    found = runs.run(Snapshot(root), DAG, "m")
    assert found == whole
    assert [(one["task_id"], one["try_number"]) for one in found.tries] == [("t", 0), ("t", 1), ("u", 0)]
    assert [len(part) for part in (found.checks, found.rejected, found.files)] == [1, 1, 1]


def test_of_files_those_of_other_runs_are_left_out_by_name(tmp_path: Path) -> None:
    root = str(tmp_path)
    put(root, PIPELINE_RUNS, [run("m", 1)])
    file = {"checksum_md5": "m", "processed_at": NOW, "status": "LOADED"}
    put(root, bronze.PROCESSED_FILES_LOG, [file | {"file_name": "of m", "run_id": "m"}])
    there = {*Path(uri(root, bronze.PROCESSED_FILES_LOG)).glob("*.parquet")}
    put(root, bronze.PROCESSED_FILES_LOG, [file | {"file_name": "of n", "run_id": "n"}])
    (of_another,) = {*Path(uri(root, bronze.PROCESSED_FILES_LOG)).glob("*.parquet")} - there
    of_another.unlink()
    assert [one["file_name"] for one in runs.run(Snapshot(root), DAG, "m").files] == ["of m"]


def test_rejections_are_counted_by_reason_and_the_open_ones_told(tmp_path: Path) -> None:
    root = str(tmp_path)
    statuses = ("PENDING", "REVIEWED", "DISCARDED")
    rows = [letter(n, "MALFORMED_JSON", "{}", NOW, reprocessing_status=one) for n, one in enumerate(statuses)]
    put(root, bronze.REJECTED_RECORDS, [*rows, letter(8, "MALFORMED_JSON", "{}", NOW - timedelta(days=9))])
    (found,) = runs.rejections(Snapshot(root), NOW - timedelta(days=7))
    assert (found["letters"], found["open"]) == (3, 2)


@pytest.mark.parametrize("run_id", ["none", "'; --"])
def test_an_empty_lakehouse_knows_nothing_and_fails_nowhere(tmp_path: Path, run_id: str) -> None:
    snapshot = Snapshot(str(tmp_path))
    assert runs.last_runs(snapshot, NOW, DAG) == []
    assert runs.gates(snapshot) == []
    assert runs.rejections(snapshot, NOW) == []
    assert runs.files(snapshot, NOW) == []
    assert runs.tables(snapshot, [PIPELINE_RUNS]) == []
    found = runs.run(snapshot, DAG, run_id)
    assert (found.run, found.tries, found.checks, found.files) == (None, [], [], [])


def test_tables_say_their_size_and_version(tmp_path: Path) -> None:
    put(str(tmp_path), PIPELINE_RUNS, [run("a", 1), run("b", 2)])
    (found,) = runs.tables(Snapshot(str(tmp_path)), [PIPELINE_RUNS, DQ_METRICS])
    assert (found["table"], found["rows"], found["files"], found["version"]) == ("ops.pipeline_runs", 2, 1, 1)
    assert found["bytes"] > 0
