"""Reads runs that have ended from Airflow's API into the run log. Imports no Airflow: the command line uses it too.

Whoever calls (the callback of a run's end, the next run's start, `logistics run`, `logistics up`) may be killed; so
each call looks at every run that ended lately, and writes those that the log does not hold as they are. Two at once do
the same work twice, one after the other under the table's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from smart_logistics.contracts.ops import APART, DRY_RUN
from smart_logistics.jobs.catalog import JOBS
from smart_logistics.jobs.request import is_dry
from smart_logistics.ops import run_log
from smart_logistics.orchestration.api import AirflowApi, NotFound

_log = logging.getLogger(__name__)
PIPELINE_ID = "smart_logistics_pipeline"
# Whose runs are recorded. Those of the watch, which only looks, are not: four an hour would hide the others.
DAG_IDS = (PIPELINE_ID, "smart_logistics_maintenance")
WATCH_ID = "smart_logistics_watch"
# Where a task keeps, in Airflow's state store, why a try failed and what helps; and what is said where it could not.
ERROR_KEY, GUIDE_KEY = "error_of_try_", "guide_of_try_"
LOST = "no message: the process that ran the task was lost"
# Eight days of hourly runs: what nobody could record for longer than that stays in Airflow alone.
_PAGE_RUNS, _MOST_PAGES = 50, 4
ENDED = ("success", "failed")
_FAILED = ("failed", "up_for_retry")


def kind(run: Mapping[str, Any]) -> str:
    """Return a run's type as the run log has it: Airflow's, but for a dry run, which is a manual one to Airflow."""
    return DRY_RUN if is_dry(run.get("conf")) else run["run_type"]


def is_apart(run: Mapping[str, Any]) -> bool:
    """Return whether a run says nothing of the others: who asked for it sees how it ends, and nobody is told."""
    return kind(run) in APART


def record_all(api: AirflowApi, lakehouse: str) -> int:
    """Record what is missing of every DAG and return how many runs that were; a DAG that is not there has none."""
    return sum(record_ended(api, dag_id, lakehouse) for dag_id in DAG_IDS)


def record_ended(api: AirflowApi, dag_id: str, lakehouse: str) -> int:
    """Record what is missing and return how many runs that were.

    All of it in one commit: what is written newest first and cut off half-way would leave a gap that no later call
    looks for.
    """
    known = run_log.recorded(lakehouse, dag_id)
    runs = list(_readable(api, _missing(api, dag_id, known)))
    run_log.record(lakehouse, runs[::-1])
    return len(runs)


def _missing(api: AirflowApi, dag_id: str, known: dict[str, datetime | None]) -> Iterator[dict[str, Any]]:
    """Yield runs that ended and are not recorded so, the latest end first, until a page holds none.

    By their end, not by their time: a run of last month that was cleared has ended just now.
    """
    for page in range(_MOST_PAGES):
        try:
            ended = api.runs(dag_id, states=ENDED, limit=_PAGE_RUNS, offset=page * _PAGE_RUNS, order_by="-end_date")
        except NotFound:
            return
        missing = [run for run in ended if known.get(run["dag_run_id"]) != _instant(run["end_date"])]
        yield from missing
        if not missing or len(ended) < _PAGE_RUNS:
            return


def _readable(api: AirflowApi, runs: Iterator[dict[str, Any]]) -> Iterator[run_log.Run]:
    """Read each run; one that is deleted meanwhile must not keep the others out of the log."""
    for run in runs:
        try:
            yield _read(api, run)
        except NotFound as error:
            _log.warning("run %s of %s is not recorded: %s", run["dag_run_id"], run["dag_id"], error)


def _read(api: AirflowApi, run: dict[str, Any]) -> run_log.Run:
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    tasks = [task["task_id"] for task in api.tasks(dag_id, run_id)]
    return run_log.Run(
        run_id=run_id,
        dag_id=dag_id,
        state=run["state"],
        run_type=kind(run),
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
