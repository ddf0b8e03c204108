"""The DAG of upkeep: weekly, in a quiet hour, with the policies and alerts of the pipeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from smart_logistics.orchestration.run_record import WATCH_ID
from smart_logistics.settings import REPOSITORY

EDGES = {"lakehouse_maintenance": {"clean_up"}, "clean_up": set(), "full_audit": set()}


def test_upkeep_is_done_in_order_and_the_audit_beside_it(upkeep: Any) -> None:
    assert {task.task_id: set(task.downstream_task_ids) for task in upkeep.tasks} == EDGES


def test_it_runs_on_sunday_night_one_at_a_time_without_catching_up(upkeep: Any) -> None:
    assert upkeep.timetable.expression == "30 3 * * 0"
    assert (upkeep.catchup, upkeep.max_active_runs) == (False, 1)
    serialized = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(upkeep))
    assert {task.task_id: set(task.downstream_task_ids) for task in serialized.task_dict.values()} == EDGES
    first = serialized.timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    # Not the Sunday that was: the stack has just been started for something else.
    assert first is not None
    assert first.run_after > datetime.now(UTC)
    assert (first.run_after.weekday(), first.run_after.hour, first.run_after.minute) == (6, 3, 30)


@pytest.mark.parametrize("task_id", EDGES)
def test_every_task_retries_and_alerts_as_the_pipelines_do(dag: Any, upkeep: Any, task_id: str) -> None:
    task, model = upkeep.get_task(task_id), dag.get_task("end")
    for name in ("owner", "retries", "retry_delay", "retry_exponential_backoff", "max_retry_delay", "retry_policy"):
        mine, its = getattr(task, name), getattr(model, name)
        assert type(mine) is type(its)
        assert name == "retry_policy" or mine == its
    assert [one.__name__ for one in task.on_failure_callback] == ["on_task_failure"]
    assert task.execution_timeout is not None
    assert task.execution_timeout <= timedelta(hours=6)


def test_its_end_is_recorded_as_the_pipelines_is(dag: Any, upkeep: Any) -> None:
    for name in ("on_success_callback", "on_failure_callback"):
        assert getattr(upkeep, name) == getattr(dag, name)


def test_its_first_page_says_what_a_person_on_call_asks(upkeep: Any) -> None:
    for question in ("Purpose", "safe to re-run?", "When is a failure normal?", "Where to look"):
        assert question in upkeep.doc_md


def test_the_watch_looks_every_quarter_of_an_hour_whatever_the_pipeline_does(bag: Any, dag: Any) -> None:
    watch = bag.dags[WATCH_ID]
    (look,) = watch.tasks
    assert watch.timetable.expression == "*/15 * * * *"
    assert (watch.catchup, watch.max_active_runs, look.watched) == (False, 1, dag.dag_id)
    # One that hangs must not keep the next from looking.
    assert look.execution_timeout < watch.dagrun_timeout <= timedelta(minutes=30)
    assert [one.__name__ for one in look.on_failure_callback] == ["on_task_failure"]
    for question in ("Purpose", "safe to re-run?", "When is a failure normal?", "Where to look"):
        assert question in watch.doc_md


def test_it_is_a_picture() -> None:
    text = (REPOSITORY / "dags" / "smart_logistics_maintenance.py").read_text()
    assert len(text.splitlines()) <= 120
