"""One run: what it took in, what it rejected, how its checks came out, why a task of it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from smart_logistics.orchestration.run_record import DAG_IDS
from smart_logistics.pages import places, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.web import Column, Table, link
from smart_logistics.views import runs
from smart_logistics.views.runs import RunDetail

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
_TABLES: Mapping[str, tuple[str, str, tuple[tuple[str, str, str], ...]]] = {
    "tries": (
        *("Tasks", "No try of a task is recorded."),
        (
            *(("task_id", "Task", "text"), ("try_number", "Try", "whole"), ("state", "State", "state")),
            *(
                ("started_at", "Started", "instant"),
                ("minutes", "Took", "duration"),
                ("error", "Why it failed", "text"),
            ),
        ),
    ),
    "checks": (
        *("Checks", "This run recorded no checks."),
        (
            *(("status", "Status", "state"), ("severity", "Severity", "text"), ("layer", "Layer", "text")),
            *(("table_name", "Table", "text"), ("check_name", "Check", "text"), ("value", "Measured", "number")),
            *(("threshold", "At most", "number"), ("detail", "In words", "text")),
        ),
    ),
    "rejected": (
        *("Rejected records", "This run rejected nothing."),
        (("source_table", "Table", "text"), ("rejection_reason", "Reason", "text"), ("letters", "Records", "whole")),
    ),
    "files": (
        *("Files", "This run took no file."),
        (
            *(("file_name", "File", "text"), ("status", "Status", "state"), ("record_count", "Records", "whole")),
            *(("rejected_count", "Rejected", "whole"), ("error", "Why", "text")),
        ),
    ),
    "deadlines": (
        *("Deadlines missed", "None was missed."),
        (("deadline", "Deadline", "text"), ("missed_at", "When", "instant"), ("detail", "In words", "text")),
    ),
}


# Not async, as elsewhere.
@router.get("/run")
def page(request: Request) -> HTMLResponse:
    """Return the page; also for a run that has not ended, of which less is known."""
    dag_id, run_id, found = _found(request)
    return web.page(
        request,
        "run.html",
        run_id=run_id,
        run=found.run,
        words=_words(found),
        airflow=f"dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}",
        tables=list(_tables(request, dag_id, run_id, found).values()),
    )


@router.get("/run.csv")
def export(request: Request) -> Response:
    """Return one of the page's tables."""
    found = _tables(request, *_found(request))
    table = found.get(request.query_params.get("table", ""))
    if table is None:
        raise HTTPException(404, f"the tables are {', '.join(found)}")
    return web.csv_of_table(table)


def _found(request: Request) -> tuple[str, str, RunDetail]:
    dag_id, run_id = request.query_params.get("dag", ""), request.query_params.get("run", "")
    if dag_id not in DAG_IDS:
        raise HTTPException(404, f"{dag_id!r} is none of {', '.join(DAG_IDS)}.")
    return dag_id, run_id, runs.run(places.snapshot(), dag_id, run_id)


def _words(found: RunDetail) -> Mapping[str, str]:
    """Return the answer in words and its level."""
    failed = [one for one in found.checks if one["status"] == "fail"]
    warned = [one for one in found.checks if one["status"] == "warn"]
    if found.run is None:
        return {"level": "", "words": "This run is not in the run log: it has not ended, or it is none of ours"}
    if found.run["state"] != "success":
        broken = [one["task_id"] for one in found.tries if one["error"]]
        where = f" in {broken[-1]}" if broken else ""
        return {"level": "failed", "words": f"This run failed{where}"}
    if failed or warned:
        return {"level": "warn", "words": f"This run succeeded with {len(failed) + len(warned)} checks to look at"}
    return {"level": "success", "words": "This run succeeded"}


def _tables(request: Request, dag_id: str, run_id: str, found: RunDetail) -> dict[str, Table]:
    tries = [one | {"minutes": None if one["duration_s"] is None else one["duration_s"] / 60} for one in found.tries]
    rows: dict[str, Sequence[dict[str, Any]]] = {
        **{"tries": tries, "checks": found.checks, "rejected": found.rejected},
        **{"files": found.files, "deadlines": found.deadlines},
    }
    return {
        key: Table(
            key,
            caption,
            [Column(*column) for column in columns],
            rows[key],
            empty,
            link(request, "run.csv", dag=dag_id, run=run_id, table=key),
        )
        for key, (caption, empty, columns) in _TABLES.items()
    }
