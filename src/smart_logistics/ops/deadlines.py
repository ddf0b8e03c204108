"""Missed deadlines, ``ops.missed_deadlines``, and what the run log says about how long things usually take."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.ops import APART, MISSED_DEADLINES, PIPELINE_RUNS, TASK_RUNS
from smart_logistics.lake import scanning, small, tables
from smart_logistics.lake.conditions import Condition
from smart_logistics.views import runs
from smart_logistics.views.runs import USUAL_NEEDS
from smart_logistics.views.snapshot import Snapshot

WARNING, BREACH = "warn", "error"
# Of how many tries of a task "usual" is made.
_USUAL_TRIES = 20
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
        small.merge_rows(lakehouse, MISSED_DEADLINES, [asdict(one) for one in missed])


def is_recorded(lakehouse: str, missed: Missed) -> bool:
    """Return whether the same deadline of the same run is written down."""
    table = tables.open_table(lakehouse, MISSED_DEADLINES)
    if table is None:
        return False
    same: list[Condition] = [(name, "=", getattr(missed, name)) for name in MISSED_DEADLINES.key]
    return len(scanning.rows(lakehouse, MISSED_DEADLINES, table, [same], MISSED_DEADLINES.key)) > 0


def last_success(lakehouse: str, dag_id: str) -> datetime | None:
    """Return when the last run that succeeded ended, dry runs aside; None where none has."""
    last: datetime | None = pc.max(_moments(lakehouse, dag_id, "ended_at", pc.field("state") == "success")).as_py()
    return last


def first_start(lakehouse: str, dag_id: str) -> datetime | None:
    """Return when the first recorded run started, dry runs aside; None where there is none."""
    first: datetime | None = pc.min(_moments(lakehouse, dag_id, "started_at", pc.scalar(True))).as_py()
    return first


def _moments(lakehouse: str, dag_id: str, column: str, wanted: pc.Expression) -> pa.ChunkedArray:
    log = tables.open_table(lakehouse, PIPELINE_RUNS)
    if log is None:
        return pa.chunked_array([], pa.timestamp("us", "UTC"))
    wanted = wanted & runs.is_real() & (pc.field("dag_id") == dag_id)
    return scanning.scan(lakehouse, PIPELINE_RUNS, log).to_table(columns=[column], filter=wanted)[column]


def usual_run_seconds(lakehouse: str, dag_id: str) -> float | None:
    """Return the median time of a DAG's last good runs, as the page of health shows it; see ``runs.usual_seconds``."""
    return runs.usual_seconds(Snapshot(lakehouse), dag_id)


def slow_tasks(lakehouse: str, dag_id: str, run_id: str, running: Mapping[str, float] | None = None) -> list[Missed]:
    """Return the tasks of a run that took much longer than the median of their last good times.

    Args:
        lakehouse: root of the tables.
        dag_id: whose run it is.
        run_id: a run that is recorded, or one that still runs.
        running: of one that still runs, for how many seconds each of its tasks has been running.
    """
    own, before = _times(lakehouse, run_id)
    found = []
    for task_id, took in (own if running is None else running).items():
        limit = usual_limit(before.get(task_id, []))
        if limit is not None and took > limit:
            verb = "took" if running is None else "has been running for"
            detail = f"{verb} {took:.0f} s, usually {median(before[task_id]):.0f} s"
            name = f"task {task_id} took unusually long"
            found.append(Missed(dag_id, run_id, name, WARNING, datetime.now(UTC), limit / 60, detail))
    return found


def usual_seconds(lakehouse: str, task_ids: Collection[str]) -> dict[str, float]:
    """Return the median of the last good times of those tasks that have enough of them."""
    _, before = _times(lakehouse, "")
    return {name: median(before[name]) for name in task_ids if len(before.get(name, ())) >= USUAL_NEEDS}


def _times(lakehouse: str, run_id: str) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return the good times of a run's tasks, and the last ones of each task in other runs, in seconds.

    Backfills and dry runs have none: neither are their times usual, nor can they be unusual.
    """
    log = tables.open_table(lakehouse, TASK_RUNS)
    if log is None:
        return {}, {}
    wanted = (pc.field("state") == "success") & pc.field("duration_s").is_valid()
    columns = ["run_id", "task_id", "started_at", "duration_s"]
    wanted &= ~pc.field("run_id").isin(_apart(lakehouse))
    found = scanning.scan(lakehouse, TASK_RUNS, log).to_table(columns=columns, filter=wanted)
    rows = found.sort_by("started_at").to_pylist()
    others: dict[str, list[float]] = {}
    own: dict[str, float] = {}
    for row in rows:
        if row["run_id"] == run_id:
            own[row["task_id"]] = row["duration_s"]
        else:
            others.setdefault(row["task_id"], []).append(row["duration_s"])
    return own, {task_id: times[-_USUAL_TRIES:] for task_id, times in others.items()}


def _apart(lakehouse: str) -> pa.Array:
    """Return the ids of the backfills and dry runs."""
    log = tables.open_table(lakehouse, PIPELINE_RUNS)
    if log is None:
        return pa.array([], pa.string())
    found = scanning.rows(lakehouse, PIPELINE_RUNS, log, [[("run_type", "in", list(APART))]], ["run_id"])
    return found["run_id"].combine_chunks()


def usual_limit(seconds: Sequence[float]) -> float | None:
    """Return up to how many seconds is usual, given the last times; None where there are too few to say."""
    if len(seconds) < USUAL_NEEDS:
        return None
    usual = median(seconds)
    return max(usual * _TIMES, usual + _SECONDS)
