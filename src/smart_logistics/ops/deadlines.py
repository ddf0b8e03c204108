"""Missed deadlines, ``ops.missed_deadlines``, and what the run log says about how long things usually take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median

import pyarrow.compute as pc

from smart_logistics.contracts.ops import MISSED_DEADLINES, PIPELINE_RUNS, TASK_RUNS
from smart_logistics.lake import tables

WARNING, BREACH = "warn", "error"
_USUAL_OF, _USUAL_NEEDS = 20, 5
# So much longer than usual, and by so many seconds: a task of a second that takes three is none of interest.
_TIMES, _SECONDS = 2.0, 120.0


@dataclass(frozen=True)
class Missed:
    """A deadline that a run missed. ``limit_minutes`` is what was allowed."""

    dag_id: str
    run_id: str
    deadline: str
    severity: str
    missed_at: datetime
    limit_minutes: float
    detail: str


def record(lakehouse: str, missed: Sequence[Missed]) -> None:
    """Write them down; the same deadline of the same run again replaces the row."""
    if missed:
        tables.merge_rows(lakehouse, MISSED_DEADLINES, [asdict(one) for one in missed])


def last_success(lakehouse: str, dag_id: str) -> datetime | None:
    """Return when the last run that succeeded ended; None where none has."""
    log = tables.open_table(lakehouse, PIPELINE_RUNS)
    if log is None:
        return None
    wanted = (pc.field("dag_id") == dag_id) & (pc.field("state") == "success")
    ends = log.to_pyarrow_dataset().to_table(columns=["ended_at"], filter=wanted)["ended_at"]
    last: datetime | None = pc.max(ends).as_py()
    return last


def slow_tasks(lakehouse: str, dag_id: str, run_id: str) -> list[Missed]:
    """Return the tasks of a run that took much longer than the median of their last good times."""
    log = tables.open_table(lakehouse, TASK_RUNS)
    if log is None:
        return []
    wanted = (pc.field("state") == "success") & pc.field("duration_s").is_valid()
    columns = ["run_id", "task_id", "started_at", "duration_s"]
    rows = log.to_pyarrow_dataset().to_table(columns=columns, filter=wanted).sort_by("started_at").to_pylist()
    times: dict[str, list[float]] = {}
    own: dict[str, float] = {}
    for row in rows:
        if row["run_id"] == run_id:
            own[row["task_id"]] = row["duration_s"]
        else:
            times.setdefault(row["task_id"], []).append(row["duration_s"])
    found = []
    for task_id, took in own.items():
        before = times.get(task_id, [])[-_USUAL_OF:]
        limit = usual_limit(before)
        if limit is not None and took > limit:
            detail = f"took {took:.0f} s, usually {median(before):.0f} s"
            name = f"task {task_id} took unusually long"
            found.append(Missed(dag_id, run_id, name, WARNING, datetime.now(UTC), limit / 60, detail))
    return found


def usual_limit(seconds: Sequence[float]) -> float | None:
    """Return up to how many seconds is usual, given the last times; None where there are too few to say."""
    if len(seconds) < _USUAL_NEEDS:
        return None
    usual = median(seconds)
    return max(usual * _TIMES, usual + _SECONDS)
