"""What a run may take, and what happens when it takes longer: recorded in ``ops.missed_deadlines`` and mailed once.

Three of Airflow's deadlines on each run, counted from when it was queued (a run that is triggered by hand has no
logical date): a warning, the breach, and one that is unusual against the last runs. Two of our own, because Airflow has
none: how long each task took against its last times, looked at when a run ends; and how old Gold is, looked at when a
run starts or ends. A failed run has had its mail, and a backfill's times mean nothing: both are left out.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from smart_logistics.ops import deadlines
from smart_logistics.ops.deadlines import BREACH, WARNING, Missed
from smart_logistics.orchestration import alerts, connections, stats
from smart_logistics.settings import Settings

_log = logging.getLogger(__name__)
_STILL_RUNNING = ("queued", "running")
# A handful of runs before "usual" means anything.
_USUAL_OF, _USUAL_NEEDS = 10, 5


def of_run(given: Settings) -> list[DeadlineAlert]:
    """Return the deadlines of a DAG's runs."""
    queued = DeadlineReference.DAGRUN_QUEUED_AT
    usual = DeadlineReference.AVERAGE_RUNTIME(max_runs=_USUAL_OF, min_runs=_USUAL_NEEDS)
    return [
        _alert("run is slow", queued, given["RUN_WARNING_MINUTES"], WARNING),
        _alert("run takes too long", queued, given["RUN_DEADLINE_MINUTES"], BREACH),
        _alert("run takes unusually long", usual, given["RUN_UNUSUAL_MINUTES"], WARNING),
    ]


def _alert(name: str, reference: Any, minutes: int, severity: str) -> DeadlineAlert:
    return DeadlineAlert(
        name=name,
        reference=reference,
        interval=timedelta(minutes=minutes),
        callback=SyncCallback(on_missed, kwargs={"name": name, "minutes": minutes, "severity": severity}),
    )


def on_missed(context: dict[str, Any], name: str, minutes: int, severity: str) -> None:
    """Record and mail that a run takes too long."""
    run = context["dag_run"]
    if run["state"] not in _STILL_RUNNING or run["run_type"] == "backfill":
        _log.info("deadline of %s passed; no alert: %s %s", run["dag_run_id"], run["run_type"], run["state"])
        return
    stats.count("deadline.missed", dag_id=run["dag_id"], deadline=name)
    queued = datetime.fromisoformat(str(run["queued_at"]))
    late = datetime.now(UTC) - queued
    detail = f"queued at {queued.isoformat(timespec='seconds')}, still {run['state']} after {_minutes(late)} min"
    missed = Missed(run["dag_id"], run["dag_run_id"], name, severity, datetime.now(UTC), float(minutes), detail)
    alerts.on_deadline_missed(missed)
    record([missed])


def look_at_gold(dag_id: str, given: Settings) -> None:
    """Record and mail, once for each spell, that no run has brought Gold up to date for too long."""
    try:
        last = deadlines.last_success(connections.lakehouse(), dag_id)
    except Exception:  # noqa: BLE001 - what the pipeline says about itself must not stop it
        _log.exception("how old Gold is could not be read")
        return
    limit = timedelta(minutes=given["GOLD_FRESHNESS_MINUTES"])
    now = datetime.now(UTC)
    if last is None or now - last < limit:
        return
    detail = (
        f"the last run that succeeded ended at {last.isoformat(timespec='seconds')}, {_minutes(now - last)} min ago"
    )
    spell = f"since {last.isoformat(timespec='seconds')}"
    missed = Missed(dag_id, spell, "Gold is stale", BREACH, now, limit.total_seconds() / 60, detail)
    alerts.on_deadline_missed(missed)
    record([missed])


def look_at_tasks(dag_id: str, run_ids: list[str]) -> None:
    """Record the tasks of ended runs that took much longer than they usually do."""
    try:
        for run_id in run_ids:
            slow = deadlines.slow_tasks(connections.lakehouse(), dag_id, run_id)
            for missed in slow:
                _log.warning("%s of %s: %s", missed.deadline, missed.run_id, missed.detail)
            record(slow)
    except Exception:  # noqa: BLE001 - what the pipeline says about itself must not stop it
        _log.exception("the times of the tasks could not be compared")


def record(missed: list[Missed]) -> None:
    """Write to ``ops.missed_deadlines``; a problem there is logged, it concerns neither the run nor the mail."""
    try:
        deadlines.record(connections.lakehouse(), missed)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("not recorded: %s", missed)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
