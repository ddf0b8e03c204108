"""A telemetry record's fields, typed strictly: contract §4. Nothing is coerced; a blank text is null."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))?"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 100


class Fields(NamedTuple):
    """A record's columns in Bronze; None where missing, blank or, as ``schema_error`` says, of the wrong type."""

    truck_id: str | None
    timestamp: str | None
    event_ts: datetime | None
    temperature: float | None
    latitude: float | None
    longitude: float | None
    schema_error: str | None
    reading_date: date | None


def fields(record: dict[str, Any]) -> Fields:
    """Read a record that is a JSON object, its numbers parsed as floats."""
    errors: list[str] = []
    truck_id = _text(record, "truck_id", errors)
    timestamp = _text(record, "timestamp", errors)
    event_ts = None if timestamp is None else instant(timestamp)
    if timestamp is not None and event_ts is None:
        errors.append(f"timestamp={_shown(timestamp)} cannot be read")
    return Fields(
        truck_id,
        timestamp,
        event_ts,
        _number(record, "temperature", errors),
        _number(record, "latitude", errors),
        _number(record, "longitude", errors),
        "; ".join(errors) or None,
        None if event_ts is None else event_ts.date(),
    )


def instant(text: str) -> datetime | None:
    """Read ``YYYY-MM-DDTHH:MM:SS[.1–9 digits][Z|±HH:MM]`` as UTC, digits beyond 6 cut; None where it is not that.

    Without an offset it is UTC. Offsets go to ±23:59; in UTC it must lie in the years 1 to 9999.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, ahead_hours, ahead_minutes = match.groups()
    microsecond = int(fraction.ljust(6, "0")[:6]) if fraction else 0
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, tzinfo=UTC)
        if sign is None:
            return local
        if int(ahead_hours) > 23 or int(ahead_minutes) > 59:
            return None
        ahead = timedelta(hours=int(ahead_hours), minutes=int(ahead_minutes))
        return local - ahead if sign == "+" else local + ahead
    except (ValueError, OverflowError):
        return None  # no such day or hour, or beyond the calendar


def _text(record: dict[str, Any], name: str, errors: list[str]) -> str | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        errors.append(f"{name}={_shown(value)} is not a string")
        return None
    if not value or value.isspace():
        return None
    if not value.isascii() and _SURROGATE.search(value):
        errors.append(f"{name}={_shown(value)} holds half a character")
        return None
    return value


def _number(record: dict[str, Any], name: str, errors: list[str]) -> float | None:
    value = record.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, float):
        errors.append(f"{name}={_shown(value)} is not a number")
        return None
    if not math.isfinite(value):
        errors.append(f"{name}={_shown(value)} is not a finite double")
        return None
    return value


def _shown(value: Any) -> str:
    # Only the head of a value and nothing nested: a hostile megabyte, or a thousand brackets, belongs into the payload.
    # Whether there is anything in them is not told either: of a deep one that is not known, see ``deep_json``.
    if isinstance(value, list):
        return "[…]"
    if isinstance(value, dict):
        return "{…}"
    return json.dumps(value)[:_SHOWN]
