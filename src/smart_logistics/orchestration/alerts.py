"""Who is told what. A task's last failure and a missed deadline are mailed; retries are logged only.

Nothing here may fail a task: what goes wrong with a mail is logged. Without the connection ``logistics_smtp`` the
alert itself is the log line.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_logistics import settings
from smart_logistics.errors import LogisticsError
from smart_logistics.jobs.catalog import JOBS
from smart_logistics.orchestration import connections
from smart_logistics.orchestration.failures import reason
from smart_logistics.orchestration.mail import Message, send

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
_STILL_RUNNING = ("queued", "running")
_NEXT_STEP = "See the log. When the cause is gone, clear the failed task; every task continues from where it was."


def on_task_failure(context: Context) -> None:
    """Mail that a task has failed for good: called after the last try, for a lost worker by the DAG processor."""
    ti = context["ti"]
    error = context.get("exception")
    job = JOBS.get(ti.task_id)
    facts = [
        ("What", f"Task {ti.task_id} of {ti.dag_id} failed" + (f" ({job.purpose})" if job else "")),
        ("Why", reason(error)),
        ("Run", ti.run_id),
        ("Try", str(ti.try_number)),
    ]
    if isinstance(error, LogisticsError) and error.remedy:
        facts.append(("What to do", error.remedy))
    facts += [
        (
            "Meaning for the data",
            "Nothing is lost or doubled; the tables downstream stay as the last good run left them.",
        ),
        ("Next step", _NEXT_STEP),
        ("Log", _log_url(ti)),
    ]
    _tell(
        Message(f"[smart-logistics] {ti.task_id} failed", tuple(facts)),
        f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.try_number}",
    )


def on_deadline_missed(context: dict[str, Any], minutes: int) -> None:
    """Mail that a run takes too long. A failed run has had its mail, and a backfill's times mean nothing."""
    run = context["dag_run"]
    if run["state"] not in _STILL_RUNNING or run["run_type"] == "backfill":
        _log.info("deadline of %s passed; no alert: %s %s", run["dag_run_id"], run["run_type"], run["state"])
        return
    facts = (
        ("What", f"Run {run['dag_run_id']} of {run['dag_id']} takes longer than {minutes} min"),
        ("Queued at", str(run["queued_at"])),
        ("Meaning for the data", "Gold is older than it should be; nothing is lost."),
        ("Next step", "Look at the running task in the grid; if it hangs, clear it."),
    )
    _tell(
        Message(f"[smart-logistics] {run['dag_id']} missed its deadline of {minutes} min", facts),
        f"{run['dag_id']}/{run['dag_run_id']}/deadline/{minutes}",
    )


def _log_url(ti: Any) -> str:
    return str(getattr(ti, "log_url", "") or "see the task in Airflow")


def _tell(message: Message, incident: str) -> None:
    """Send a message once for each incident: Airflow may call twice, from the worker and from who found it dead."""
    try:
        mark = _mark(settings.load().home / "run" / "alerts", incident)
        if mark is None:
            _log.info("already told: %s", message.line())
            return
        try:
            _send(message)
        except BaseException:
            mark.unlink(missing_ok=True)
            raise
    except Exception:  # noqa: BLE001 - whatever it is, it must not fail the task
        _log.exception("the alert could not be sent:\n%s\n%s", message.line(), message.plain())


def _mark(folder: Path, incident: str) -> Path | None:
    """Mark an incident as told; None where it already is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(incident.encode()).hexdigest()
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return None
    return path


def _send(message: Message) -> None:
    connection = connections.optional(connections.SMTP)
    if connection is None:
        _log.warning(
            "ALERT, not mailed because LOGISTICS_SMTP_HOST is not set:\n%s\n%s", message.line(), message.plain()
        )
        return
    send(message, connection)
    _log.info("mailed: %s", message.line())
