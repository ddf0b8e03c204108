"""Reads runs that have ended from Airflow's API into the run log. Imports no Airflow: the command line uses it too.

Whoever calls (the callback of a run's end, the next run's start, `logistics run`) may be killed; so each call looks at
every recent run that has ended, and writes those that the log does not hold as they are. Two at once do the same work
twice, one after the other under the table's lock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from smart_logistics.jobs.catalog import JOBS
from smart_logistics.ops import run_log
from smart_logistics.orchestration.api import AirflowApi

# Where a task keeps, in Airflow's state store, why a try failed; and what is said where it could not.
ERROR_KEY = "error_of_try_"
LOST = "no message: the process that ran the task was lost"
_LOOK_BACK_RUNS = 50
ENDED = ("success", "failed")
_FAILED = ("failed", "up_for_retry")


def record_ended(api: AirflowApi, dag_id: str, lakehouse: str) -> int:
    """Record what is missing and return how many runs that were."""
    known = run_log.recorded(lakehouse, dag_id)
    ended = api.runs(dag_id, states=ENDED, limit=_LOOK_BACK_RUNS)
    missing = [run for run in ended if known.get(run["dag_run_id"]) != _instant(run["end_date"])]
    run_log.record(lakehouse, [_read(api, run) for run in reversed(missing)])
    return len(missing)


def _read(api: AirflowApi, run: dict[str, Any]) -> run_log.Run:
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    tasks = [task["task_id"] for task in api.tasks(dag_id, run_id)]
    return run_log.Run(
        run_id=run_id,
        dag_id=dag_id,
        state=run["state"],
        run_type=run["run_type"],
        logical_date=_instant(run["logical_date"]),
        started_at=_instant(run["start_date"]),
        ended_at=_instant(run["end_date"]),
        tries=[one for task_id in tasks for one in _tries(api, dag_id, run_id, task_id)],
        counts={task_id: api.counts(dag_id, run_id, task_id) for task_id in tasks if task_id in JOBS},
    )


def _tries(api: AirflowApi, dag_id: str, run_id: str, task_id: str) -> list[run_log.TaskTry]:
    tries = api.tries(dag_id, run_id, task_id)
    failed = any(one["state"] in _FAILED for one in tries)
    kept = api.state_store(dag_id, run_id, task_id) if failed else {}
    return [
        run_log.TaskTry(
            task_id=task_id,
            try_number=one["try_number"],
            state=one["state"] or "none",
            started_at=_instant(one["start_date"]),
            ended_at=_instant(one["end_date"]),
            error=str(kept.get(f"{ERROR_KEY}{one['try_number']}", LOST)) if one["state"] in _FAILED else None,
        )
        for one in tries
    ]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
