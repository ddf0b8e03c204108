"""Who is told what: one mail for one incident, whatever was killed, and one when it is over; retries are logged only.

An incident is a run that failed: its first task that fails for good is mailed at once, and what fails after it in the
same run is in the log. A run that ended without anybody having told of it (its worker, its DAG processor or the whole
machine was killed, or it timed out) is told of by the next end or start of a run. Further runs that fail say for how
long, and the next good run says that it is over. A backfill and a dry run are told to nobody and end no incident: who
asked for one sees how it ends.

Nothing here may fail a task: what goes wrong with a mail is logged. Without the connection ``logistics_smtp`` the
alert itself is the log line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_logistics import settings
from smart_logistics.errors import LogisticsError
from smart_logistics.jobs.catalog import JOBS
from smart_logistics.ops.deadlines import BREACH, Missed
from smart_logistics.orchestration import connections, digest, error_record, incidents, links, stats
from smart_logistics.orchestration.error_record import Cause
from smart_logistics.orchestration.failures import reason
from smart_logistics.orchestration.mail import Message, send
from smart_logistics.orchestration.outbox import Outbox
from smart_logistics.orchestration.run_record import is_apart

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
_SUBJECT = "[smart-logistics]"
_NEXT_STEP = "When the cause is gone, clear the failed task; every task continues from where it was."
NOT_KNOWN = "it is not known: what ran the task and would have told of it was killed"
_NOTHING_LOST = "Nothing is lost or doubled; the tables downstream stay as the last good run left them."
# A failed task's callback has twenty seconds, and tells more than we could.
_GRACE = timedelta(seconds=60)
_OLD = timedelta(days=1)


def on_task_failure(context: Context) -> None:
    """Mail that a task has failed for good: called after the last try, for a lost worker by the DAG processor."""
    try:
        _task_failed(context)
    except Exception:  # noqa: BLE001 - whatever it is, it must not fail the task
        _log.exception("the alert could not be made")


def _task_failed(context: Context) -> None:
    ti = context["ti"]
    error = context.get("exception")
    if not is_awaited(context):
        _log.warning("task %s of %s failed, in a backfill or a dry run: %s", ti.task_id, ti.run_id, reason(error))
        return
    stats.count("alerts", kind="task_failed")
    job = JOBS.get(ti.task_id)
    run = context.get("dag_run")
    guide = error_record.guide(error)
    incident = incidents.failed(folder(), ti.dag_id, ti.run_id, datetime.now(UTC), reason(error), guide)
    facts = [
        ("What", f"Task {ti.task_id} of {ti.dag_id} failed" + (f" ({job.purpose})" if job else "")),
        ("Why", reason(error)),
        *_since(incident),
        ("Run", ti.run_id),
        ("Try", str(ti.try_number)),
        *_committed(context),
        ("Meaning for the data", _NOTHING_LOST),
        *_what_to_do(error),
        ("Next step", _NEXT_STEP),
        *_pages(guide, links.public(str(getattr(ti, "log_url", ""))) or links.run(ti.dag_id, ti.run_id)),
    ]
    subject = f"{_SUBJECT} {ti.task_id} failed" + (f" ({incident.count})" if incident.count else "")
    tell(Message(subject, tuple(facts)), _of_run(ti.dag_id, ti.run_id), since=run.start_date if run else None)


@dataclass(frozen=True)
class Where:
    """What a mail about a missed deadline says besides: since when, what to do, and the pages that help."""

    since: str
    next_step: str
    guide: str
    log: str


def on_deadline_missed(missed: Missed, where: Where) -> bool:
    """Mail that a run takes too long, or that Gold is stale: once for each, and one mail for all mere warnings.

    Return whether it is told, now or before.
    """
    facts = (
        ("What", f"{missed.deadline}: {missed.dag_id}, {missed.run_id}"),
        ("Why", missed.detail),
        ("Since", where.since),
        ("Allowed", f"{missed.limit_minutes:g} min"),
        ("Meaning for the data", "Gold is older than it should be; nothing is lost."),
        ("Next step", where.next_step),
        *_pages(where.guide, where.log),
    )
    what = missed.deadline if missed.severity == BREACH else "slow"
    message = Message(f"{_SUBJECT} {missed.dag_id}: {missed.deadline}", facts)
    try:
        if tell(message, f"{missed.dag_id}/{missed.run_id}/deadline/{what}"):
            stats.count("alerts", kind="deadline_missed")
    except Exception:  # noqa: BLE001 - as above
        _log.error("the alert of a missed deadline is still to be told: %s", missed)
        return False
    return True


def follow(
    dag_id: str,
    ended: Sequence[Mapping[str, Any]],
    reasons: Mapping[str, Cause] | None = None,
    cause: Callable[[str], Cause] | None = None,
) -> None:
    """Tell what nobody has told yet of runs that have ended, and what is over; send what waits.

    Idempotent: what was told is marked. Called at each start and end of a run, and by the watch.

    Args:
        dag_id: whose runs they are.
        ended: the runs as Airflow's API gives them.
        reasons: by run, why it ended, of those that are to be told now.
        cause: tells of any other run why it failed.
    """
    try:
        awaited = [run for run in sorted(ended, key=lambda run: str(run["end_date"])) if not is_apart(run)]
        for run in awaited:
            if run["state"] == "success":
                _run_succeeded(dag_id, run)
            elif run is awaited[-1] or not _is_history(run):
                _run_failed(dag_id, run, (reasons or {}).get(run["dag_run_id"]), cause)
        outbox = Outbox(folder())
        if outbox.waiting:
            outbox.deliver(_send)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the alerts of ended runs could not be made")


def is_awaited(context: Context) -> bool:
    """Return whether somebody waits for what a run does, and is told of its failure."""
    run = context.get("dag_run")
    return not is_apart({name: getattr(run, name, None) for name in ("run_type", "conf")})


def _is_history(run: Mapping[str, Any]) -> bool:
    """Return whether a run ended so long ago that nobody waits for its mail, if another one has ended since."""
    end = _instant(run["end_date"])
    return end is not None and datetime.now(UTC) - end > _OLD


def was_told(dag_id: str, run_id: str, since: datetime | None, within: float) -> bool:
    """Return whether a run's failure was told, or is within so many seconds: the task's own alert is under way."""
    end = time.monotonic() + within
    while True:
        told = Outbox(folder()).told_at(_of_run(dag_id, run_id))
        if told is not None and (since is None or told >= since):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.5)


def _run_failed(dag_id: str, run: Mapping[str, Any], known: Cause | None, cause: Callable[[str], Cause] | None) -> None:
    run_id, start = run["dag_run_id"], _instant(run["start_date"])
    end = _instant(run["end_date"]) or datetime.now(UTC)
    key = _of_run(dag_id, run_id)
    told = Outbox(folder()).told_at(key)
    if told is not None and (start is None or told >= start):
        return
    if known is None and datetime.now(UTC) - end < _GRACE:
        return  # the failed task's own alert may be under way
    stats.count("alerts", kind="run_failed")
    found = known or (cause(run_id) if cause else Cause(NOT_KNOWN, error_record.guide(None)))
    incident = incidents.failed(folder(), dag_id, run_id, end, found.why, found.guide)
    facts = (
        ("What", f"Run {run_id} of {dag_id} failed at {run['end_date']}"),
        ("Why", found.why),
        *_since(incident),
        ("Meaning for the data", _NOTHING_LOST),
        ("Next step", f"See the run in Airflow's grid. {_NEXT_STEP}"),
        *_pages(found.guide, links.run(dag_id, run_id)),
    )
    tell(Message(f"{_SUBJECT} a run of {dag_id} failed", facts), key, since=start)


def _run_succeeded(dag_id: str, run: Mapping[str, Any]) -> None:
    incident = incidents.current(folder(), dag_id)
    if incident is None or str(run["end_date"]) <= incident.since:
        return
    facts = (
        ("What", f"Run {run['dag_run_id']} of {dag_id} succeeded"),
        ("Failed since", incident.since),
        ("Failed runs", str(len(incident.runs))),
        ("First cause", incident.cause),
        ("Meaning for the data", "What the failed runs left undone is done; Gold is up to date again."),
        ("Next step", "None."),
        *_pages(incident.guide or error_record.guide(None), links.run(dag_id, run["dag_run_id"])),
    )
    tell(Message(f"{_SUBJECT} {dag_id} is well again", facts), f"{dag_id}/recovered/{incident.since}")
    incidents.closed(folder(), dag_id)


def folder() -> Path:
    """Return where alerts are kept."""
    return settings.load().home / "alerts"


def _of_run(dag_id: str, run_id: str) -> str:
    return f"{dag_id}/{run_id}/failed"


def _since(incident: incidents.Incident) -> list[tuple[str, str]]:
    if not incident.count:
        return [("Since", incident.since)]
    return [
        ("Since", f"{incident.since}: this is the {incident.count} to fail; the first one's cause: {incident.cause}")
    ]


def _what_to_do(error: object) -> list[tuple[str, str]]:
    remedy = error.remedy if isinstance(error, LogisticsError) else ""
    return [("What to do", remedy)] if remedy else []


def _committed(context: Context) -> list[tuple[str, str]]:
    driver = error_record.driver_of(context)
    return [("Rows committed", error_record.committed(driver))] if driver else []


def _pages(guide: str, log: str) -> list[tuple[str, str]]:
    """Return what to read: the entry of the troubleshooting page, the log, and the page of the Spark master."""
    spark = links.spark_ui()
    return [("More", error_record.address(guide)), ("Log", log), *([("Spark", spark)] if spark else [])]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def on_good_run(dag_id: str, run_id: str, lakehouse: str) -> None:
    """Mail what warned in a run that succeeded, where that was not said today (see ``digest``)."""
    now = datetime.now(UTC)
    try:
        warnings = digest.warnings(lakehouse, run_id)
        due = digest.due(folder(), dag_id, run_id, warnings, now)
        if due is not None:
            tell(due, f"{dag_id}/{run_id}/warnings")
            digest.remember(folder(), dag_id, warnings, now)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the digest of warnings could not be made")


def tell(message: Message, incident: str, *, since: datetime | None = None) -> bool:
    """Tell of an incident once: Airflow may call twice, from the worker and from who found it dead.

    Return whether it was told now: it is in the outbox, whatever the mail server says. Whoever has to note that it was
    told does so after this has returned.

    Raises:
        LockHeld, OSError: it could not be put into the outbox, so it is still to be told. The log has the text.
    """
    outbox = Outbox(folder())
    try:
        if not outbox.post(incident, message, since=since):
            _log.info("already told: %s", message.line())
            return False
    except Exception:
        _log.exception("the alert could not be kept:\n%s\n%s", message.line(), message.plain())
        raise
    try:
        outbox.deliver(_send)
    except Exception:  # noqa: BLE001 - it waits in the outbox
        _log.exception("the alert could not be sent: %s", message.line())
    return True


def _send(message: Message, message_id: str) -> None:
    connection = connections.optional(connections.SMTP)
    if connection is None:
        _log.warning(
            "ALERT, not mailed because LOGISTICS_SMTP_HOST is not set:\n%s\n%s", message.line(), message.plain()
        )
        return
    send(message, connection, message_id)
