"""Is the pipeline healthy, and what is to be done: one sentence, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smart_logistics.orchestration.incidents import Incident
from smart_logistics.pages.airflow_state import Now
from smart_logistics.pages.web import ago
from smart_logistics.views.runs import Gate
from smart_logistics.views.snapshot import Row

_GATE = "a-quality-gate-that-failed"
_SLOW = "a-run-that-takes-too-long"
_STALE = "gold-is-stale"
_FAILED = "a-last-run-that-failed"
_PAUSED = "a-dag-that-is-paused"
_UNREAD = "a-dag-file-that-cannot-be-read"


@dataclass(frozen=True)
class Alert:
    """Something that is wrong now: how bad, what, why, and the heading of the troubleshooting page that helps."""

    level: str
    what: str
    why: str
    guide: str


@dataclass(frozen=True)
class Verdict:
    """The answer in words; ``level`` is failed, warn, success or nothing."""

    level: str
    words: str
    alerts: list[Alert]


def verdict(
    *,
    now: datetime,
    state: Now,
    runs: Sequence[Row],
    last_success: datetime | None,
    gate: Gate | None,
    incidents: Sequence[Incident],
    missed: Sequence[Row],
    stale_after: timedelta,
    further: Sequence[Alert] = (),
) -> Verdict:
    """Return the answer. ``runs`` are those of the pipeline, the newest first; ``missed`` the last day's deadlines."""
    alerts = [*(_of_incident(one) for one in incidents), *further]
    last = runs[0] if runs else None
    if last is not None and last["state"] == "failed" and not incidents:
        alerts.append(Alert("failed", f"the last run failed {ago(last['ended_at'], now)}", "", _FAILED))
    alerts += _of_airflow(state)
    if last_success is not None and now - last_success > stale_after:
        alerts.append(Alert("failed", f"Gold is stale: the last good run ended {ago(last_success, now)}", "", _STALE))
    if gate is not None and gate.verdict != "pass":
        alerts += _of_gate(gate)
    alerts += [Alert("warn", f"{one['deadline']}: {one['dag_id']}", one["detail"] or "", _SLOW) for one in missed]
    return Verdict(*_words(alerts, last, state, now), alerts)


def _of_incident(incident: Incident) -> Alert:
    count = len(incident.runs)
    runs = "the last run" if count < 2 else f"the last {count} runs"
    since = incident.since.replace("T", " ").replace("+00:00", " UTC")
    return Alert(
        "failed",
        f"{runs} of {incident.dag_id} failed, since {since}",
        incident.cause,
        incident.guide.rpartition("#")[2] or _FAILED,
    )


def _of_airflow(state: Now) -> list[Alert]:
    found = [
        Alert("failed", f"Airflow's {name} is not running", "", "a-service-that-does-not-start")
        for name in state.unhealthy
    ]
    found += [Alert("warn", f"{dag_id} is paused: no run starts", "", _PAUSED) for dag_id in state.paused]
    if state.import_errors:
        found.append(Alert("failed", f"{state.import_errors} DAG file(s) cannot be read", "", _UNREAD))
    return found


def _of_gate(gate: Gate) -> list[Alert]:
    return [
        Alert(
            "failed" if row["status"] == "fail" else "warn",
            f"check {row['check_name']} of {row['layer']}.{row['table_name']}: {row['status']}",
            row["detail"] or "",
            _GATE,
        )
        for row in gate.breached
    ]


def _words(alerts: Sequence[Alert], last: Row | None, state: Now, now: datetime) -> tuple[str, str]:
    when = f"last run {ago(last['ended_at'], now)}" if last else "no run has ended yet"
    running = next(iter(state.flying), None)
    if running is not None:
        when += f", one {running.state} since {ago(running.since, now).removesuffix(' ago')}"
    failed = [one for one in alerts if one.level == "failed"]
    if failed:
        return "failed", f"Not healthy: {failed[0].what}"
    if alerts:
        many = "1 warning" if len(alerts) == 1 else f"{len(alerts)} warnings"
        return "warn", f"Healthy, with {many}: {when}"
    return ("success", f"Healthy: {when}") if last else ("", when[0].upper() + when[1:])
