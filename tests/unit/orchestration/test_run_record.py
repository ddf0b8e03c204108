"""The run log holds every run that has ended, once, and as it ended last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_logistics.contracts.ops import PIPELINE_RUNS, TASK_RUNS
from smart_logistics.lake.tables import uri
from smart_logistics.orchestration.api import NotFound
from smart_logistics.orchestration.run_record import DAG_IDS, ERROR_KEY, LOST, record_all, record_ended

DAG = "smart_logistics_pipeline"


def task(task_id: str, state: str, try_number: int = 1, start: str | None = "2026-11-24T10:00:01Z") -> dict[str, Any]:
    return {
        "task_id": task_id,
        "state": state,
        "try_number": try_number,
        "start_date": start,
        "end_date": start and "2026-11-24T10:00:03.500000Z",
    }


class Airflow:
    """What Airflow's API says, for the calls that the run log makes."""

    def __init__(self) -> None:
        self.dags = [DAG]
        self.gone: set[str] = set()
        self.ended: list[dict[str, Any]] = []
        self.tries_of: dict[str, list[dict[str, Any]]] = {}
        self.counted: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, Any] = {}
        self.reads = 0

    def end(self, run_id: str, state: str, at: str, dag_id: str = DAG, **conf: Any) -> None:
        self.ended.insert(
            0,
            {
                "dag_id": dag_id,
                "dag_run_id": run_id,
                "state": state,
                "run_type": "manual",
                "conf": conf,
                "logical_date": None,
                "start_date": "2026-11-24T10:00:00Z",
                "end_date": at,
            },
        )

    def runs(
        self, dag_id: str, *, states: tuple[str, ...], limit: int, offset: int, order_by: str
    ) -> list[dict[str, Any]]:
        assert order_by == "-end_date"
        if dag_id not in self.dags:
            raise NotFound(dag_id)
        found = [run for run in self.ended if run["state"] in states and run["dag_id"] == dag_id]
        return sorted(found, key=lambda run: run["end_date"], reverse=True)[offset : offset + limit]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        if run_id in self.gone:
            raise NotFound(run_id)
        self.reads += 1
        return [tries[-1] for tries in self.tries_of.values()]

    def tries(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        return self.tries_of[task_id]

    def counts(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        return self.counted.get(task_id, {})

    def state_store(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        return self.kept


@pytest.fixture
def airflow() -> Airflow:
    api = Airflow()
    api.tries_of = {
        "start": [task("start", "success")],
        "bronze_ingest_sql": [task("bronze_ingest_sql", "failed"), task("bronze_ingest_sql", "failed", 2)],
        "end": [task("end", "upstream_failed", 0, None)],
    }
    api.counted = {
        "bronze_ingest_iot": {"rows": 7, "rejected": 2},
        "bronze_ingest_sql": {"rows": 5},
        "silver_iot": {"rows": 4, "rejected": 1},
        "gold_aggregate": {"rows": 3},
        "data_quality_check": {"rows": 99},
    }
    api.kept = {f"{ERROR_KEY}1": "no route to the source"}
    return api


def rows(lakehouse: Path, table: Any) -> list[dict[str, Any]]:
    from deltalake import DeltaTable

    found: list[dict[str, Any]] = DeltaTable(uri(str(lakehouse), table)).to_pyarrow_table().to_pylist()
    return found


def record(airflow: Airflow, lakehouse: Path) -> int:
    return record_ended(airflow, DAG, str(lakehouse))  # type: ignore[arg-type]


def test_every_try_is_recorded_with_its_error(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "failed", "2026-11-24T10:05:00Z")
    assert record(airflow, tmp_path) == 1
    found = {(row["task_id"], row["try_number"]): row for row in rows(tmp_path, TASK_RUNS)}
    assert found["bronze_ingest_sql", 1]["error"] == "no route to the source"
    assert found["bronze_ingest_sql", 2]["error"] == LOST
    assert found["start", 1]["error"] is None
    assert found["start", 1]["duration_s"] == 2.5
    assert found["end", 0]["state"] == "upstream_failed"


def test_a_runs_rows_are_the_sums_of_its_tasks_counts(airflow: Airflow, tmp_path: Path) -> None:
    for name in airflow.counted:
        airflow.tries_of[name] = [task(name, "success")]
    airflow.end("r1", "success", "2026-11-24T10:05:00Z")
    record(airflow, tmp_path)
    (row,) = rows(tmp_path, PIPELINE_RUNS)
    assert [row[f"{layer}_rows"] for layer in ("bronze", "silver", "gold", "rejected")] == [12, 4, 3, 3]
    assert row["duration_s"] == 300


def test_a_dry_run_is_recorded_as_what_it_is(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "success", "2026-11-24T10:05:00Z", dry_run=True)
    airflow.end("r2", "success", "2026-11-24T11:05:00Z", dry_run=False)
    record(airflow, tmp_path)
    found = {row["run_id"]: row["run_type"] for row in rows(tmp_path, PIPELINE_RUNS)}
    assert found == {"r1": "dry_run", "r2": "manual"}


def test_what_is_recorded_is_not_read_again(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "success", "2026-11-24T10:05:00Z")
    record(airflow, tmp_path)
    assert record(airflow, tmp_path) == 0
    assert airflow.reads == 1
    assert len(rows(tmp_path, PIPELINE_RUNS)) == 1


def test_runs_that_nobody_recorded_are_made_good(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "failed", "2026-11-24T10:05:00Z")
    airflow.end("r2", "success", "2026-11-24T11:05:00Z")
    airflow.end("r3", "running", "2026-11-24T12:05:00Z")
    assert record(airflow, tmp_path) == 2
    assert {row["run_id"] for row in rows(tmp_path, PIPELINE_RUNS)} == {"r1", "r2"}


def test_a_run_that_was_cleared_and_ended_again_is_recorded_as_it_ended_last(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "failed", "2026-11-24T10:05:00Z")
    record(airflow, tmp_path)
    airflow.ended.clear()
    airflow.end("r1", "success", "2026-11-24T10:25:00Z")
    airflow.tries_of["bronze_ingest_sql"].append(task("bronze_ingest_sql", "success", 3))
    assert record(airflow, tmp_path) == 1
    (row,) = rows(tmp_path, PIPELINE_RUNS)
    assert row["state"] == "success"
    assert len(rows(tmp_path, TASK_RUNS)) == 5


def test_a_run_of_long_ago_that_was_cleared_is_recorded_as_it_ended_last(airflow: Airflow, tmp_path: Path) -> None:
    for number in range(60):
        airflow.end(f"r{number}", "failed", f"2026-11-24T10:{number:02}:00Z")
    assert record(airflow, tmp_path) == 60
    oldest = next(run for run in airflow.ended if run["dag_run_id"] == "r0")
    oldest |= {"state": "success", "end_date": "2026-11-24T12:00:00Z"}
    assert record(airflow, tmp_path) == 1
    states = {row["run_id"]: row["state"] for row in rows(tmp_path, PIPELINE_RUNS)}
    assert (states["r0"], len(states)) == ("success", 60)


def test_a_run_that_is_deleted_meanwhile_keeps_no_other_out(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "failed", "2026-11-24T10:05:00Z")
    airflow.end("r2", "success", "2026-11-24T11:05:00Z")
    airflow.gone = {"r2"}
    assert record(airflow, tmp_path) == 1
    assert [row["run_id"] for row in rows(tmp_path, PIPELINE_RUNS)] == ["r1"]


def test_runs_of_two_dags_that_are_named_alike_are_both_kept(airflow: Airflow, tmp_path: Path) -> None:
    for dag_id in DAG_IDS:
        airflow.end("scheduled__2026-11-24T10:00:00+00:00", "success", "2026-11-24T10:05:00Z", dag_id)
    airflow.dags = list(DAG_IDS)
    assert record_all(airflow, str(tmp_path)) == 2  # type: ignore[arg-type]
    assert record_all(airflow, str(tmp_path)) == 0  # type: ignore[arg-type]
    assert {row["dag_id"] for row in rows(tmp_path, PIPELINE_RUNS)} == set(DAG_IDS)


def test_a_dag_that_is_not_there_has_no_runs(airflow: Airflow, tmp_path: Path) -> None:
    airflow.end("r1", "success", "2026-11-24T10:05:00Z")
    assert record_all(airflow, str(tmp_path)) == 1  # type: ignore[arg-type]


def test_what_is_recorded_is_known_when_runs_of_two_dags_share_a_file(airflow: Airflow, tmp_path: Path) -> None:
    """As after a compaction."""
    from deltalake import DeltaTable

    airflow.dags = list(DAG_IDS)
    for number, dag_id in enumerate(DAG_IDS):
        airflow.end(f"r{number}", "success", "2026-11-24T10:05:00Z", dag_id)
    record_all(airflow, str(tmp_path))  # type: ignore[arg-type]
    DeltaTable(uri(str(tmp_path), PIPELINE_RUNS)).optimize.compact()
    assert record_all(airflow, str(tmp_path)) == 0  # type: ignore[arg-type]
