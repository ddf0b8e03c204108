"""The warnings of a good run in one mail, and only where there is something to say that was not said today.

A warning is known by its table and check, the hourly gate's apart from the weekly audit's. A run whose warnings were
all in a mail of the last 24 hours is only logged ("still"): nobody reads 24 equal mails a day. What warned before and
does not any more is in the next mail.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from smart_logistics.lake import metrics
from smart_logistics.orchestration import error_record, kept, links
from smart_logistics.orchestration.mail import Message

_log = logging.getLogger(__name__)
_REPEAT_AFTER = timedelta(hours=24)
_GUIDE = "docs/quality.md"
Told = Mapping[str, datetime]


def name_of(warning: Mapping[str, Any]) -> str:
    """Return how a warning is known: its table and check."""
    return f"{warning['layer']}.{warning['table_name']} {warning['check_name']}"


def is_due(warnings: Sequence[Mapping[str, Any]], told: Told, now: datetime) -> bool:
    """Return whether one of the warnings was in no mail of the last 24 hours."""
    return any(now - told.get(name_of(one), datetime.min.replace(tzinfo=UTC)) >= _REPEAT_AFTER for one in warnings)


def message(dag_id: str, run_id: str, warnings: Sequence[Mapping[str, Any]], told: Told) -> Message:
    """Return the digest; what is an alert comes first, then what is new."""
    ordered = sorted(
        warnings, key=lambda one: ("ALERT" not in (one["detail"] or ""), name_of(one) in told, name_of(one))
    )
    facts = [("What", f"Run {run_id} of {dag_id} succeeded; {len(warnings)} of its checks warn")]
    for one in ordered:
        label = name_of(one) + ("" if name_of(one) in told else " (new)")
        facts.append((label, f"{one['value']:.4g}, at most {one['threshold']:g}: {one['detail']}"))
    gone = sorted(set(told) - {name_of(one) for one in warnings})
    facts += [("No longer", ", ".join(gone))] if gone else []
    facts += [
        ("Meaning for the data", "It is published. A warning is something to look at, not something wrong."),
        ("Next step", "Look at what is new; the page says what each check means and what to do."),
        ("More", error_record.address(_GUIDE)),
        ("Log", links.run(dag_id, run_id)),
    ]
    alerts = sum("ALERT" in (one["detail"] or "") for one in warnings)
    subject = f"[smart-logistics] {len(warnings)} warning(s)" + (f", {alerts} to act on" if alerts else "")
    return Message(f"{subject}: {', '.join(name_of(one) for one in ordered)}", tuple(facts))


def warnings(lakehouse: str, run_id: str) -> list[dict[str, Any]]:
    """Return what the gate, or the audit, of a run warned of, as rows of ``ops.dq_metrics``."""
    return [
        row for checked_as in (run_id, f"{metrics.AUDIT}{run_id}") for row in metrics.warnings(lakehouse, checked_as)
    ]


def due(folder: Path, dag_id: str, run_id: str, warned: Sequence[Mapping[str, Any]], now: datetime) -> Message | None:
    """Return the digest of a run's warnings where one is due; None, and a line in the log, where not."""
    told = _told(folder, dag_id)
    if not is_due(warned, told, now):
        if warned:
            _log.info("still: %s", ", ".join(map(name_of, warned)))
        return None
    return message(dag_id, run_id, warned, told)


def remember(folder: Path, dag_id: str, warned: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Note that these warnings of a DAG were told."""
    kept.write(_path(folder, dag_id), {name_of(one): now.isoformat() for one in warned})


def _path(folder: Path, dag_id: str) -> Path:
    return folder / "warned" / kept.name_of(dag_id)


def _told(folder: Path, dag_id: str) -> dict[str, datetime]:
    try:
        found = json.loads(_path(folder, dag_id).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: datetime.fromisoformat(at) for name, at in found.items()}
