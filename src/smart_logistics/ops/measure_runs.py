"""Measures the run log and the results of the checks: the last run of each DAG, the last day, the last gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS, PIPELINE_RUNS, TASK_RUNS
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.state import State
from smart_logistics.lake.tables import open_table
from smart_logistics.ops import deadlines
from smart_logistics.ops import measures as m
from smart_logistics.ops.measures import Sample
from smart_logistics.views.runs import is_real

# Far enough back to hold the last run of a DAG that runs weekly.
_WINDOW = timedelta(days=8)
_DAY = timedelta(days=1)
_SUCCESS = "success"


def _since(column: str, moment: datetime) -> pc.Expression:
    return pc.field(column) >= pa.scalar(moment, pa.timestamp("us", "UTC"))


def _rows(lakehouse: str, table: Table, where: pc.Expression, *columns: str) -> list[dict[str, Any]]:
    delta = open_table(lakehouse, table)
    if delta is None:
        return []
    found: list[dict[str, Any]] = (
        scan(lakehouse, table, delta).to_table(columns=list(columns) or None, filter=where).to_pylist()
    )
    return found


def _newest(lakehouse: str, table: Table, column: str) -> datetime | None:
    return State(table, open_table(lakehouse, table)).newest(column)


def samples(lakehouse: str, now: datetime | None = None) -> Iterator[Sample]:
    """Yield what the run log says of each DAG that ran within eight days of the last run of any; dry runs aside."""
    newest = _newest(lakehouse, PIPELINE_RUNS, "ended_at")
    if newest is None:
        return
    lately = _rows(lakehouse, PIPELINE_RUNS, _since("ended_at", newest - _WINDOW) & is_real())
    # The whole log only where all of those were dry runs.
    ended = sorted(lately or _rows(lakehouse, PIPELINE_RUNS, is_real()), key=lambda row: row["ended_at"])
    last = {row["dag_id"]: row for row in ended}
    for dag_id, run in last.items():
        yield from _last_run(dag_id, run)
        yield from _last_tries(lakehouse, run)
        well = next((row for row in reversed(ended) if (row["dag_id"], row["state"]) == (dag_id, _SUCCESS)), None)
        # The whole log again only where eight days of runs have failed.
        moment = well["ended_at"] if well else deadlines.last_success(lakehouse, dag_id)
        if moment is not None:
            yield m.LAST_SUCCESS.sample(moment.timestamp(), dag_id)
    yield from _last_day(ended, now or datetime.now(UTC), list(last))


def _last_run(dag_id: str, run: dict[str, Any]) -> Iterator[Sample]:
    yield m.LAST_RUN_SUCCESS.sample(run["state"] == _SUCCESS, dag_id)
    yield m.LAST_RUN_END.sample(run["ended_at"].timestamp(), dag_id)
    if run["duration_s"] is not None:
        yield m.LAST_RUN_DURATION.sample(run["duration_s"], dag_id)
    for layer in m.LAYERS:
        yield m.LAST_RUN_ROWS.sample(run[f"{layer}_rows"] or 0, dag_id, layer)
    yield m.LAST_RUN_REJECTED.sample(run["rejected_rows"] or 0, dag_id)


def _last_tries(lakehouse: str, run: dict[str, Any]) -> Iterator[Sample]:
    columns = ("task_id", "try_number", "duration_s")
    tries = _rows(lakehouse, TASK_RUNS, pc.field("run_id") == run["run_id"], *columns)
    last = {row["task_id"]: row for row in sorted(tries, key=lambda row: row["try_number"])}
    for task_id, row in last.items():
        yield m.TASK_TRIES.sample(row["try_number"], run["dag_id"], task_id)
        if row["duration_s"] is not None:
            yield m.TASK_DURATION.sample(row["duration_s"], run["dag_id"], task_id)


def _last_day(ended: list[dict[str, Any]], now: datetime, dag_ids: list[str]) -> Iterator[Sample]:
    counted = Counter((row["dag_id"], row["state"]) for row in ended if row["ended_at"] >= now - _DAY)
    for dag_id in dag_ids:
        for state in (_SUCCESS, "failed"):
            yield m.LAST_DAY_RUNS.sample(counted[dag_id, state], dag_id, state)


def quality(lakehouse: str) -> Iterator[Sample]:
    """Yield the results of the checks that ran last."""
    newest = _newest(lakehouse, DQ_METRICS, "checked_at")
    if newest is None:
        return
    rows = _rows(lakehouse, DQ_METRICS, _since("checked_at", newest))
    yield m.CHECKED_AT.sample(newest.timestamp())
    counted = Counter((row["severity"], row["status"]) for row in rows)
    for severity, worst in (("error", "fail"), ("warn", "warn")):
        for status in ("pass", worst):
            yield m.CHECKS.sample(counted[severity, status], severity, status)
    for row in rows:
        if row["status"] != "pass":
            labels = (row["layer"], row["table_name"], row["check_name"], row["severity"], row["status"])
            # A value that could not be measured is a breach too; it has no number.
            yield m.BREACHED.sample(float("nan") if row["value"] is None else row["value"], *labels)
