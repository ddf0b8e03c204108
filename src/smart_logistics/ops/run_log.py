"""The run log, `ops.pipeline_runs` and `ops.task_runs`: what Airflow says about runs that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smart_logistics.contracts.ops import PIPELINE_RUNS, TASK_RUNS
from smart_logistics.lake import scanning, small, tables

_LAYERS = ("bronze", "silver", "gold")


@dataclass(frozen=True)
class TaskTry:
    """One try of a task. ``error`` is why it failed, None where it did not."""

    task_id: str
    try_number: int
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None = None


@dataclass(frozen=True)
class Run:
    """A run that has ended, the tries of its tasks, and the counts that its jobs reported, by task."""

    run_id: str
    dag_id: str
    state: str
    run_type: str
    logical_date: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    tries: Sequence[TaskTry] = ()
    counts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def recorded(lakehouse: str, dag_id: str) -> dict[str, datetime | None]:
    """Return the end of every recorded run by its id; a run that was cleared and has ended again has another one."""
    table = tables.open_table(lakehouse, PIPELINE_RUNS)
    if table is None:
        return {}
    rows = scanning.rows(lakehouse, PIPELINE_RUNS, table, [[("dag_id", "=", dag_id)]], ["run_id", "ended_at"])
    return {row["run_id"]: row["ended_at"] for row in rows.to_pylist()}


def record(lakehouse: str, runs: Sequence[Run]) -> None:
    """Write runs and their tries. Idempotent; the run comes last, so that a crash between leaves it unrecorded."""
    if not runs:
        return
    tries = [_try_row(run, task_try) for run in runs for task_try in run.tries]
    if tries:
        small.merge_rows(lakehouse, TASK_RUNS, tries)
    small.merge_rows(lakehouse, PIPELINE_RUNS, [_run_row(run) for run in runs])


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _try_row(run: Run, task_try: TaskTry) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "task_id": task_try.task_id,
        "try_number": task_try.try_number,
        "started_at": task_try.started_at,
        "ended_at": task_try.ended_at,
        "duration_s": _seconds(task_try.started_at, task_try.ended_at),
        "state": task_try.state,
        "error": task_try.error,
    }


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "dag_id": run.dag_id,
        "logical_date": run.logical_date,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_s": _seconds(run.started_at, run.ended_at),
        "state": run.state,
        "run_type": run.run_type,
        **{f"{layer}_rows": _total(run, "rows", layer) for layer in _LAYERS},
        "rejected_rows": _total(run, "rejected"),
    }


def _total(run: Run, name: str, layer: str = "") -> int:
    """Sum a count over the jobs of a layer; a job that did not come so far counts nothing."""
    return sum(int(counts.get(name) or 0) for task_id, counts in run.counts.items() if task_id.startswith(layer))
