"""What a run may take, and what happens when it takes longer: recorded in ``ops.missed_deadlines`` and mailed once.

Three of Airflow's deadlines on each run, counted from when it was queued (a run that is triggered by hand has no
logical date): a warning, the breach, and one that is unusual against the last runs. Two of our own, because Airflow has
none: how long each task takes against its last times, and how old Gold is. Airflow drops a run's deadlines when it
succeeds, so none of them can say that no run comes after it: these two are looked at every quarter of an hour by the
DAG `smart_logistics_watch` (docs/decisions/0008-a-dag-that-watches.md), and when a run starts and ends. The watch also
counts the time of runs that were cleared, for which Airflow makes no new deadlines. A failed run has had its mail, and
the times of a backfill or a dry run mean nothing: they are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from smart_logistics.ops import deadlines
from smart_logistics.ops.deadlines import BREACH, WARNING, Missed
from smart_logistics.orchestration import access, alerts, connections, error_record, links, stats
from smart_logistics.orchestration.api import AirflowApi
from smart_logistics.orchestration.queued import RunQueued
from smart_logistics.orchestration.run_record import is_apart, kind
from smart_logistics.settings import Settings
from smart_logistics.views.runs import USUAL_NEEDS, USUAL_RUNS

_log = logging.getLogger(__name__)
_STILL_RUNNING = ("queued", "running")
UNUSUAL = "run takes unusually long"


def of_run(given: Settings) -> list[DeadlineAlert]:
    """Return the deadlines of a DAG's runs."""
    queued, usual = RunQueued(), DeadlineReference.AVERAGE_RUNTIME(max_runs=USUAL_RUNS, min_runs=USUAL_NEEDS)
    return [
        _alert(name, usual if name == UNUSUAL else queued, minutes, severity)
        for name, minutes, severity in _limits(given)
    ]


def _limits(given: Settings) -> tuple[tuple[str, int, str], ...]:
    """Return name, minutes and severity of each: minutes after queueing, or beyond what is usual."""
    return (
        ("run is slow", given["RUN_WARNING_MINUTES"], WARNING),
        ("run takes too long", given["RUN_DEADLINE_MINUTES"], BREACH),
        (UNUSUAL, given["RUN_UNUSUAL_MINUTES"], WARNING),
    )


def _alert(name: str, reference: Any, minutes: int, severity: str) -> DeadlineAlert:
    return DeadlineAlert(
        name=name,
        reference=reference,
        interval=timedelta(minutes=minutes),
        callback=SyncCallback(on_missed, kwargs={"name": name, "minutes": minutes, "severity": severity}),
    )


def on_missed(context: dict[str, Any], name: str, minutes: int, severity: str) -> None:
    """Record and mail that a run takes too long, and which of its tasks runs."""
    run = context["dag_run"]
    if run["state"] not in _STILL_RUNNING or is_apart(run):
        _log.info("deadline of %s passed; no alert: %s %s", run["dag_run_id"], kind(run), run["state"])
        return
    if not _is_overdue(run, name, minutes):
        # It was cleared, and queued again; or Airflow's average called too early, in which failed runs, backfills
        # and dry runs count, too. The watch looks again.
        _log.info("no alert of %s yet: %s", run["dag_run_id"], name)
        return
    _tell(run, name, minutes, severity)


def _tell(run: Mapping[str, Any], name: str, minutes: int, severity: str) -> None:
    """Record and mail that a run under way has missed a deadline."""
    stats.count("deadline.missed", dag_id=run["dag_id"], deadline=name)
    late = _since_queued(run)
    detail = f"queued at {run['queued_at']}, still {run['state']} after {_minutes(late)} min"
    detail += _what_runs(run["dag_id"], run["dag_run_id"])
    missed = Missed(run["dag_id"], run["dag_run_id"], name, severity, datetime.now(UTC), float(minutes), detail)
    where = alerts.Where(
        f"{run['queued_at']}, when it was queued",
        "Look at the running task in the grid; if it hangs, clear it.",
        error_record.TOO_LONG,
        links.run(run["dag_id"], run["dag_run_id"]),
    )
    # Only what was told: of what is not recorded the watch tells.
    if alerts.on_deadline_missed(missed, where):
        record([missed])


def _since_queued(run: Mapping[str, Any]) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(str(run["queued_at"]))


def _is_overdue(run: Mapping[str, Any], name: str, minutes: int) -> bool:
    """Return whether a run has passed one of ``_limits``, counted from when it was queued last."""
    return _is_unusual(run, minutes) if name == UNUSUAL else _since_queued(run) >= timedelta(minutes=minutes)


def _is_unusual(run: Mapping[str, Any], minutes: int) -> bool:
    """Return whether a run has taken so many minutes longer than the last good ones."""
    usual = deadlines.usual_run_seconds(connections.lakehouse(), run["dag_id"])
    return usual is not None and _since_queued(run) > timedelta(seconds=usual, minutes=minutes)


def _what_runs(dag_id: str, run_id: str) -> str:
    """Return which tasks of a run are running, for how long and how long they usually take; nothing where unknown."""
    try:
        with access.api() as api:
            running = _running(api, dag_id, run_id)
        usual = deadlines.usual_seconds(connections.lakehouse(), running)
    except Exception:  # noqa: BLE001 - it would only make the alert better
        _log.exception("which tasks run could not be asked")
        return ""
    parts = [
        f"{task_id} has been running for {seconds / 60:.1f} min"
        + (f", usually {usual[task_id] / 60:.1f} min" if task_id in usual else "")
        for task_id, seconds in running.items()
    ]
    return "".join(f"; {part}" for part in parts) or "; no task of it is running"


def _running(api: AirflowApi, dag_id: str, run_id: str) -> dict[str, float]:
    """Return for how many seconds each running task of a run has been running."""
    now = datetime.now(UTC)
    return {
        one["task_id"]: (now - datetime.fromisoformat(one["start_date"])).total_seconds()
        for one in api.tasks(dag_id, run_id)
        if one["state"] == "running" and one["start_date"]
    }


def look_at_gold(dag_id: str, given: Settings) -> None:
    """Record and mail, once for each spell, that no run has brought Gold up to date for too long.

    Where none ever has, time counts from the start of the first one: that is when somebody began to wait for Gold.
    """
    try:
        lakehouse = connections.lakehouse()
        last = deadlines.last_success(lakehouse, dag_id)
        since = last or deadlines.first_start(lakehouse, dag_id)
    except Exception:  # noqa: BLE001 - what the pipeline says about itself must not stop it
        _log.exception("how old Gold is could not be read")
        return
    limit = timedelta(minutes=given["GOLD_FRESHNESS_MINUTES"])
    now = datetime.now(UTC)
    if since is None or now - since < limit:
        return
    what = "the last run that succeeded ended" if last else "no run has succeeded yet; the first one started"
    then = "the end of the last run that succeeded" if last else "the start of the first run; none has succeeded yet"
    moment = since.isoformat(timespec="seconds")
    detail = f"{what} at {moment}, {_minutes(now - since)} min ago{_what_keeps(dag_id)}"
    spell = f"since {moment}"
    missed = Missed(dag_id, spell, "Gold is stale", BREACH, now, limit.total_seconds() / 60, detail)
    where = alerts.Where(
        f"{moment}, {then}",
        "See in the grid why no run succeeds; unpause the DAG where somebody paused it.",
        error_record.STALE,
        links.dag(dag_id),
    )
    alerts.on_deadline_missed(missed, where)
    record([missed], once=True)


def _what_keeps(dag_id: str) -> str:
    """Return whether the DAG is paused or a run is under way; nothing where it is neither, or unknown."""
    try:
        with access.api() as api:
            if api.dag(dag_id)["is_paused"]:
                return "; the DAG is paused"
            under_way = api.runs(dag_id, states=_STILL_RUNNING, limit=1)
    except Exception:  # noqa: BLE001 - it would only make the alert better
        _log.exception("what keeps %s could not be asked", dag_id)
        return ""
    return f"; the run {under_way[0]['dag_run_id']} is {under_way[0]['state']}" if under_way else ""


def look_at_runs_under_way(dag_id: str, given: Settings) -> None:
    """Tell of runs that take too or unusually long and are not told of yet, and record their tasks that do."""
    try:
        with access.api() as api:
            runs = [run for run in api.runs(dag_id, states=("running",), limit=10) if not is_apart(run)]
            running = {run["dag_run_id"]: _running(api, dag_id, run["dag_run_id"]) for run in runs}
        lakehouse = connections.lakehouse()
        for run in runs:
            run_id = run["dag_run_id"]
            _record_slow(deadlines.slow_tasks(lakehouse, dag_id, run_id, running[run_id]))
            for name, minutes, severity in _limits(given):
                missed = Missed(dag_id, run_id, name, severity, datetime.now(UTC), float(minutes), "")
                if _is_overdue(run, name, minutes) and not deadlines.is_recorded(lakehouse, missed):
                    _tell(run, name, minutes, severity)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the times of the running tasks could not be compared")


def look_at_tasks(dag_id: str, run_ids: list[str]) -> None:
    """Record the tasks of ended runs that took much longer than they usually do."""
    try:
        for run_id in run_ids:
            _record_slow(deadlines.slow_tasks(connections.lakehouse(), dag_id, run_id))
    except Exception:  # noqa: BLE001 - what the pipeline says about itself must not stop it
        _log.exception("the times of the tasks could not be compared")


def _record_slow(slow: list[Missed]) -> None:
    for missed in slow:
        _log.warning("%s of %s: %s", missed.deadline, missed.run_id, missed.detail)
    record(slow)


def record(missed: list[Missed], *, once: bool = False) -> None:
    """Write to ``ops.missed_deadlines``; a problem there is logged, it concerns neither the run nor the mail.

    ``once`` leaves what is written there as it is, else it is replaced.
    """
    try:
        lakehouse = connections.lakehouse()
        new = [one for one in missed if not (once and deadlines.is_recorded(lakehouse, one))]
        deadlines.record(lakehouse, new)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("not recorded: %s", missed)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
