"""What a reader asks for in an address, read without trust: what is no filter, date or number asks for nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from fastapi import Request

from smart_logistics.contracts.rules import SHIPMENT_STATUSES
from smart_logistics.views.assessment import SEVERITIES
from smart_logistics.views.decisions import CHOICES
from smart_logistics.views.filters import Filters

TEXTS = ("kind", "origin", "destination", "truck", "text")
_LONGEST = 200
# Far enough from the ends of the calendar to reckon with.
_YEARS = range(1900, 9000)


def filters(request: Request) -> Filters:
    """Return the filters of an address; ``until`` is a day, which is in it."""
    given = request.query_params
    texts = {name: text(request, name) for name in TEXTS}
    return Filters(
        severity=_one_of(given.get("severity", ""), (*SEVERITIES, "any")),
        status=_one_of(given.get("status", ""), SHIPMENT_STATUSES),
        data=_one_of(given.get("data", ""), ("low",)),
        decision=_one_of(given.get("decision", ""), CHOICES),
        since=midnight(given.get("since", "")),
        until=midnight(given.get("until", ""), after=True),
        **texts,
    )


def as_query(chosen: Filters) -> dict[str, str]:
    """Return filters as they stand in an address."""
    found = {name: str(value) for name, value in chosen.given.items() if isinstance(value, str)}
    if chosen.since is not None:
        found["since"] = chosen.since.date().isoformat()
    if chosen.until is not None:
        found["until"] = (chosen.until - timedelta(days=1)).date().isoformat()
    return found


def text(request: Request, name: str) -> str:
    """Return what an address says of ``name``, as much of it as could be meant."""
    return request.query_params.get(name, "")[:_LONGEST]


def number(text: str | None, default: int) -> int:
    """Return a number of at most nine digits."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default


def midnight(text: str, *, after: bool = False) -> datetime | None:
    """Return when a day begins in UTC, or when it is over; None for a day that no shipment has."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day + timedelta(days=after), time(), UTC) if day.year in _YEARS else None


def _one_of(text: str, known: tuple[str, ...]) -> str:
    return text if text in known else ""
