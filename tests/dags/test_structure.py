"""The DAG is the picture that the contract draws, with the contract's policies."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from smart_logistics.contracts import ALL_TABLES, dispositions, lineage
from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.jobs.catalog import JOBS, PIPELINE
from smart_logistics.orchestration.run_record import DAG_IDS, WATCH_ID
from smart_logistics.settings import REPOSITORY
from tests.contract_dag import EDGES
from tests.dags.conftest import plain_environment

# Parses the DAG where every connection is refused, and says how long that took and whether Spark came along.
PARSE = """
import socket, sys, time
started = time.process_time()
from airflow.dag_processing.dagbag import DagBag
airflow_itself = time.process_time() - started
def refuse(*_): raise AssertionError("the network was asked while parsing")
socket.socket.connect = refuse
started = time.process_time()
bag = DagBag(sys.argv[1], safe_mode=False)
took = time.process_time() - started
assert not bag.import_errors, bag.import_errors
assert len(bag.dags) == 3
assert "pyspark" not in sys.modules and "py4j" not in sys.modules
# Beside what the same machine needs for Airflow alone: no second means the same everywhere.
assert took < airflow_itself, (took, airflow_itself)
"""


def test_every_file_parses_without_error_or_warning(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["smart_logistics_maintenance", "smart_logistics_pipeline", "smart_logistics_watch"]
    assert bag.captured_warnings == {}


def test_tasks_and_edges_are_those_of_the_contract(dag: Any) -> None:
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == EDGES


def test_it_runs_hourly_one_at_a_time_without_catching_up(dag: Any) -> None:
    assert dag.timetable.expression == "0 * * * *"
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_its_first_page_says_what_a_person_on_call_asks(dag: Any) -> None:
    for question in ("Purpose", "safe to re-run?", "When is a failure normal?"):
        assert question in dag.doc_md


@pytest.mark.parametrize("task_id", EDGES)
def test_every_task_retries_and_ends_as_specified(dag: Any, task_id: str) -> None:
    task = dag.get_task(task_id)
    assert task.retries == 3
    assert task.retry_delay == timedelta(seconds=120)
    assert task.retry_exponential_backoff
    assert task.max_retry_delay == timedelta(seconds=600)
    assert task.execution_timeout == timedelta(minutes=40)
    assert task.email_on_failure
    assert [one.__name__ for one in task.on_failure_callback] == ["on_task_failure"]
    assert not task.on_retry_callback


def test_only_silver_of_telemetry_runs_after_a_skipped_task(dag: Any) -> None:
    rules = {task.task_id: str(task.trigger_rule.value) for task in dag.tasks}
    assert rules == dict.fromkeys(EDGES, "all_success") | {"silver_iot": "none_failed"}


def test_the_sensor_waits_five_minutes_and_hides_no_error(dag: Any) -> None:
    sensor = dag.get_task("wait_for_iot_files")
    assert (sensor.poke_interval, sensor.timeout) == (60, 300)
    assert not sensor.soft_fail
    assert not sensor.never_fail


def test_a_run_is_due_45_minutes_after_it_was_queued(dag: Any) -> None:
    found = {one.name: (one.interval, one.reference.reference_name, one.callback.kwargs) for one in dag.deadline}
    minutes = {name: kwargs["minutes"] for name, (_, _, kwargs) in found.items()}
    assert minutes == {"run is slow": 30, "run takes too long": 45, "run takes unusually long": 15}
    assert all(interval == timedelta(minutes=kwargs["minutes"]) for interval, _, kwargs in found.values())
    # From queueing, a run that is triggered by hand has no logical date; by our own reference, see queued.py.
    assert found["run takes too long"][1] == found["run is slow"][1] == "RunQueued"
    assert {one.callback.path for one in dag.deadline} == {"smart_logistics.orchestration.deadlines.on_missed"}
    assert dag.dagrun_timeout == timedelta(minutes=180)


@pytest.mark.parametrize("job", PIPELINE.values(), ids=lambda job: job.name)
def test_a_jobs_task_submits_its_script_to_the_connection(dag: Any, job: Any) -> None:
    task = dag.get_task(job.name)
    assert task.application == job.script
    assert task._conn_id == "logistics_spark"
    assert task.env_vars is None
    words = task.application_args
    assert words[:4] == ["--run-id", "{{ run_id }}", "--lakehouse", "{{ var.value.logistics_lakehouse }}"]
    assert all(name in task.name for name in ("run_id", "task.task_id", "try_number"))


def test_it_survives_serialization(dag: Any) -> None:
    read = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert {task.task_id: set(task.downstream_task_ids) for task in read.task_dict.values()} == EDGES


def test_it_is_short_and_parses_fast_without_network_and_spark() -> None:
    text = (REPOSITORY / "dags" / "smart_logistics_pipeline.py").read_text()
    assert len(text.splitlines()) <= 120
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(REPOSITORY / "dags")],
        env=plain_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("job", PIPELINE.values(), ids=lambda job: job.name)
def test_a_jobs_task_declares_the_tables_that_it_reads_and_writes(dag: Any, job: Any) -> None:
    task = dag.get_task(job.name)
    assert {asset.name for asset in task.outlets} == {table.full_name for table in lineage.writes(job.name)}
    assert {table.full_name for table in lineage.reads(job.name)} <= {asset.name for asset in task.inlets}
    assert all(asset.uri.startswith("x-logistics://") for asset in (*task.inlets, *task.outlets))


def test_every_table_of_the_lake_comes_from_a_job_and_gold_from_the_sources() -> None:
    written = {table.full_name: job for job in JOBS for table in lineage.writes(job)}
    by_people = {table.full_name for table in dispositions.TABLES}
    assert {table.full_name for table in ALL_TABLES if table.layer != "ops"} - by_people <= set(written)
    sources: set[str] = set()
    behind = ["gold_aggregate"]
    while behind:
        job = behind.pop()
        sources.update(lineage.source_tables(job))
        behind += {written[table.full_name] for table in lineage.reads(job)}
    assert sources == {table.name for table in SOURCE_TABLES}


def test_no_two_dags_have_a_task_of_the_same_name(bag: DagBag) -> None:
    """Tries are recorded by run and task; runs of two DAGs may be named alike."""
    names = [task.task_id for one in bag.dags.values() for task in one.tasks]
    assert len(set(names)) == len(names)
    assert set(bag.dags) == {*DAG_IDS, WATCH_ID}
