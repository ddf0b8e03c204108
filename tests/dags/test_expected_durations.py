"""What docs/tasks.md says a task takes: something for each, below its limit, and a run of them before any deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from smart_logistics import settings
from smart_logistics.cli.task_docs import EXPECTED_SECONDS


def test_each_task_of_each_dag_has_an_expectation_below_its_limit(bag: DagBag) -> None:
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert {task.task_id for task in tasks} == EXPECTED_SECONDS.keys()
    for task in tasks:
        assert task.execution_timeout is not None
        assert timedelta(0) < timedelta(seconds=EXPECTED_SECONDS[task.task_id]) < task.execution_timeout / 4


def test_a_run_that_takes_what_is_expected_is_far_from_a_warning(dag: Any) -> None:
    ends: dict[str, int] = {}
    for task in dag.topological_sort():
        before = max((ends[name] for name in task.upstream_task_ids), default=0)
        ends[task.task_id] = before + EXPECTED_SECONDS[task.task_id]
    assert ends["end"] * 2 < settings.load({})["RUN_WARNING_MINUTES"] * 60
