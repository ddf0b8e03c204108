"""Pipeline health: is it well, what is to be done, and how it has been."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from smart_logistics import contracts, settings
from smart_logistics.errors import SourceUnavailable
from smart_logistics.ops import deadlines, measure
from smart_logistics.orchestration import alerts, incidents
from smart_logistics.orchestration.run_record import DAG_IDS
from smart_logistics.pages import airflow_state, charts, places, web
from smart_logistics.pages.auth import PIPELINE, user_of_the_pipeline
from smart_logistics.pages.charts import Spec
from smart_logistics.pages.verdict import Alert, verdict
from smart_logistics.pages.web import Chart, Column, Table, link
from smart_logistics.views import runs
from smart_logistics.views.snapshot import Row, Snapshot

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
_SHOWN_RUNS, _SHOWN_FILES, _SHOWN_GATES = 24, 20, 24
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


# None of these is async: reading tables would hold up the server's other answers.
@router.get("/health")
def page(request: Request) -> HTMLResponse:
    """Return the page."""
    snapshot, now = places.snapshot(), datetime.now(UTC)
    state = airflow_state.now()
    shown = runs.last_runs(snapshot, now, PIPELINE)
    last = runs.real(shown)
    gates = runs.gates(snapshot)
    missed = runs.deadlines(snapshot, now - _DAY)
    last_success = next((one["ended_at"] for one in last if one["state"] == "success"), None)
    if shown and last_success is None:
        last_success = deadlines.last_success(snapshot.lakehouse, PIPELINE)
    files, unread = _waiting(now)
    answer = verdict(
        now=now,
        state=state,
        runs=last,
        last_success=last_success,
        gate=next((gate for gate in gates if not last or gate.run_id == last[0]["run_id"]), None),
        incidents=[one for dag_id in DAG_IDS if (one := incidents.current(alerts.folder(), dag_id)) is not None],
        missed=missed,
        stale_after=timedelta(minutes=settings.load()["GOLD_FRESHNESS_MINUTES"]),
        further=unread,
    )
    rows = _rows(snapshot, now, shown, gates)
    return web.page(
        request,
        "health.html",
        verdict=answer,
        facts=_facts(snapshot, last, last_success, files, now),
        flying=state.flying,
        tables=[_table(request, key, rows[key]()) for key in _CAPTIONS],
        chart=_trend(request) if len(last) > 1 else None,
        guide=partial(_guide, request),
    )


@router.get("/health.csv")
def export(request: Request) -> Response:
    """Return one of the page's tables, whole."""
    key = request.query_params.get("table", "")
    if key not in _CAPTIONS:
        raise HTTPException(404, f"the tables are {', '.join(_CAPTIONS)}")
    snapshot, now = places.snapshot(), datetime.now(UTC)
    last, gates = runs.last_runs(snapshot, now, PIPELINE), runs.gates(snapshot)
    return web.csv_of_table(_table(request, key, _rows(snapshot, now, last, gates, whole=True)[key]()))


@router.get("/charts/durations.json")
def durations(request: Request) -> Spec:
    """Return how long the last runs took."""
    last = runs.real(runs.last_runs(places.snapshot(), datetime.now(UTC), PIPELINE))
    rows = [
        {"ended_at": one["ended_at"], "minutes": one["duration_s"] / 60}
        for one in last
        if one["duration_s"] is not None and one["state"] == "success"
    ]
    return charts.trend("How many minutes each good run took", rows, x="ended_at", y="minutes", title="minutes")


def _guide(request: Request, heading: str) -> str:
    return link(request, "guide") + (f"#{heading}" if heading else "")


def _waiting(now: datetime) -> tuple[list[float], list[Alert]]:
    """Return how many seconds each file waits, and what is wrong where that cannot be said."""
    try:
        return list(measure.waiting(places.landing(), now.timestamp())), []
    except SourceUnavailable as error:
        return [], [Alert("failed", error.what, error.remedy, error.guide)]


def _facts(
    snapshot: Snapshot, last: Sequence[Row], last_success: datetime | None, files: Sequence[float], now: datetime
) -> list[tuple[str, Any, str, str]]:
    """Return label, value, kind and, of an instant, how long ago it was."""
    told = settings.load()
    usual = runs.usual_seconds(snapshot, PIPELINE)
    newest = runs.newest_reading(snapshot)
    found: list[tuple[str, Any, str]] = [
        ("Last good run", last_success, "instant"),
        ("Last run took", last[0]["duration_s"] / 60 if last and last[0]["duration_s"] else None, "duration"),
        ("Usually", usual / 60 if usual else None, "duration"),
        ("Allowed", told["RUN_DEADLINE_MINUTES"], "minutes"),
        ("Newest reading", newest, "instant"),
        ("Gold is stale after", told["GOLD_FRESHNESS_MINUTES"], "minutes"),
        ("Files waiting", len(files), "whole"),
        ("The oldest waits", max(files) / 60 if files else None, "duration"),
        ("Last file taken", runs.last_file(snapshot), "instant"),
    ]
    return [(*one, web.ago(one[1], now) if isinstance(one[1], datetime) else "") for one in found]


def _trend(request: Request) -> Chart:
    return Chart(
        "trend",
        link(request, "charts/durations.json"),
        "How long the good runs of the last eight days took, in minutes.",
        "How long the good runs of the last eight days took; the table of runs has the figures.",
    )


_COLUMNS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "runs": (
        *(("run_id", "Run", "text"), ("state", "State", "state"), ("ended_at", "Ended", "instant")),
        *(("minutes", "Took", "duration"), ("bronze_rows", "Bronze rows", "whole")),
        *(("silver_rows", "Silver rows", "whole"), ("gold_rows", "Gold rows", "whole")),
        *(("rejected_rows", "Rejected", "whole"), ("run_type", "Started", "text")),
    ),
    "rejections": (
        *(("source_table", "Table", "text"), ("rejection_reason", "Reason", "text")),
        *(("letters", "In the last week", "whole"), ("open", "Of them open", "whole")),
    ),
    "checks": (
        *(("status", "Status", "state"), ("severity", "Severity", "text"), ("table", "Table", "text")),
        *(("check_name", "Check", "text"), ("value", "Measured", "number"), ("threshold", "At most", "number")),
        *(("detail", "In words", "text"), ("run_id", "Run", "text"), ("checked_at", "When", "instant")),
    ),
    "gates": (
        *(("run_id", "Run", "text"), ("verdict", "Verdict", "state"), ("checked_at", "When", "instant")),
        *(("pass", "Passed", "whole"), ("warn", "Warned", "whole"), ("fail", "Failed", "whole")),
    ),
    "files": (
        *(("file_name", "File", "text"), ("status", "Status", "state"), ("processed_at", "Taken", "instant")),
        *(("record_count", "Records", "whole"), ("rejected_count", "Rejected", "whole")),
        *(("file_size_bytes", "Size", "bytes"), ("error", "Why", "text")),
    ),
    "deadlines": (
        *(("missed_at", "When", "instant"), ("deadline", "Deadline", "text"), ("severity", "Severity", "state")),
        *(("dag_id", "DAG", "text"), ("run_id", "Run", "text"), ("limit_minutes", "Allowed", "minutes")),
        ("detail", "In words", "text"),
    ),
    "tables": (
        *(("table", "Table", "text"), ("rows", "Rows", "whole"), ("bytes", "Size", "bytes")),
        *(("files", "Files", "whole"), ("small_files", "Small files", "whole"), ("version", "Version", "whole")),
        ("written_at", "Last written", "instant"),
    ),
}
# Where a run's id leads to its page.
_OF_RUNS = ("runs", "gates", "checks")
_CAPTIONS = {
    "runs": ("Last runs", "No run has ended yet."),
    "rejections": ("Rejected records by reason", "Nothing was rejected in the last week."),
    "checks": ("Checks that did not pass, of the last eight days", "All checks passed."),
    "gates": ("Quality gates", "No gate has run yet."),
    "files": ("Files taken in the last week", "No file was taken."),
    "deadlines": ("Deadlines missed in the last week", "None was missed."),
    "tables": ("Tables", "There are no tables yet."),
}


def _rows(
    snapshot: Snapshot, now: datetime, last: Sequence[Row], gates: Sequence[runs.Gate], *, whole: bool = False
) -> dict[str, Callable[[], Sequence[Row]]]:
    """Return what reads the rows of each table, as many as the page shows or the ``whole`` of them."""
    breached = [row | {"table": f"{row['layer']}.{row['table_name']}"} for gate in gates for row in gate.breached]
    return {
        "runs": lambda: [
            one | {"minutes": None if one["duration_s"] is None else one["duration_s"] / 60}
            for one in last[: None if whole else _SHOWN_RUNS]
        ],
        "rejections": lambda: runs.rejections(snapshot, now - _WEEK),
        "checks": lambda: breached[: None if whole else 2 * _SHOWN_GATES],
        "gates": lambda: [
            {"run_id": one.run_id, "verdict": one.verdict, "checked_at": one.checked_at, **one.counts}
            for one in gates[: None if whole else _SHOWN_GATES]
        ],
        "files": lambda: runs.files(snapshot, now - _WEEK)[: None if whole else _SHOWN_FILES],
        "deadlines": lambda: runs.deadlines(snapshot, now - _WEEK),
        "tables": lambda: runs.tables(snapshot, contracts.ALL_TABLES),
    }


def _table(request: Request, key: str, rows: Sequence[Row]) -> Table:
    caption, empty = _CAPTIONS[key]
    columns = [_column(request, key in _OF_RUNS, *one) for one in _COLUMNS[key]]
    return Table(key, caption, columns, rows, empty, link(request, "health.csv", table=key))


def _column(request: Request, linked: bool, name: str, label: str, kind: str) -> Column:
    if linked and name == "run_id":
        return Column(name, label, kind, lambda row: link(request, "run", dag=PIPELINE, run=row["run_id"]))
    return Column(name, label, kind)
