"""What a person does by hand in Airflow, and what they see of a run there."""

from __future__ import annotations

import time
from typing import Any

from smart_logistics.orchestration.run_record import PIPELINE_ID
from tests.e2e.monitors import api
from tests.e2e.stack import Stack

ENDED = ("success", "failed")


def last_run(stack: Stack) -> dict[str, Any]:
    """Return the run that was triggered last; one of the hour may come between."""
    with api(stack) as airflow:
        latest = airflow.runs(PIPELINE_ID, states=("queued", "running", *ENDED), limit=10)
    return next(run for run in latest if run["run_type"] == "manual")


def clear(stack: Stack, task_id: str) -> None:
    """Let a task of the last run, and what comes after it, be done again."""
    body = {
        "dag_run_id": last_run(stack)["dag_run_id"],
        "task_ids": [task_id],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
        "dry_run": False,
    }
    with api(stack) as airflow:
        airflow.request("POST", f"/dags/{PIPELINE_ID}/clearTaskInstances", json=body)


def set_variable(stack: Stack, name: str, value: str) -> None:
    """Change a Variable, as under Admin."""
    with api(stack) as airflow:
        airflow.request("PATCH", f"/variables/{name}", json={"key": name, "value": value})


def trigger(stack: Stack, dag_id: str) -> str:
    """Run a DAG once and return the state in which it ended."""
    with api(stack) as airflow:
        run_id = airflow.trigger(dag_id)
        return wait_for_end(stack, dag_id, run_id)


def wait_for_end(stack: Stack, dag_id: str, run_id: str, seconds: float = 900) -> str:
    """Return the state in which a run ended."""
    give_up = time.monotonic() + seconds
    with api(stack) as airflow:
        while (state := str(airflow.run(dag_id, run_id)["state"])) not in ENDED:
            assert time.monotonic() < give_up, f"{run_id} is {state} after {seconds} s"
            time.sleep(1)
    return state
