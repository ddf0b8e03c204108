"""What the rules will say, foretold without a JVM. The jobs judge, and have the last word.

Reasons come in the contract's order; details are about those of the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from smart_logistics.contracts.rules import (
    BUSINESS_RULES,
    EARLIEST_READING,
    InOrder,
    NotNegative,
    OneOf,
    Reason,
    RowRule,
)
from smart_logistics.contracts.source import SourceTable
from smart_logistics.sources.pieces import pieces
from smart_logistics.sources.telemetry import fields

_EARLIEST = datetime.fromisoformat(EARLIEST_READING).replace(tzinfo=UTC)
_SHOWN = 200


class Verdict(NamedTuple):
    """Why a record would be rejected."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.name}: {self.detail}"


class Text:
    """A record's text as a file's content."""

    damage: str | None = None

    def __init__(self, text: str) -> None:
        self._data = text.encode()

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


class Reading(NamedTuple):
    """A record that is valid by itself: the key that must not be in Silver yet."""

    truck_id: str
    event_ts: datetime


def record(text: str, taken_at: datetime, max_clock_skew: timedelta) -> Verdict | Reading:
    """Judge a telemetry record as Bronze and Silver will when it is taken at ``taken_at``, repeats aside."""
    found = list(pieces(Text(text)))
    if len(found) != 1:
        return Verdict(Reason.MALFORMED_JSON, f"is {len(found)} records, not one")
    if found[0].value is None:
        return Verdict(Reason.MALFORMED_JSON, found[0].malformed or "")
    read = fields(found[0].value)
    if read.schema_error is not None:
        return Verdict(Reason.SCHEMA_VALIDATION_FAILED, read.schema_error)
    if read.truck_id is None or read.event_ts is None or read.temperature is None:
        # A timestamp that is there and has no schema error was read.
        needed = {"truck_id": read.truck_id, "timestamp": read.event_ts, "temperature": read.temperature}
        return _missing(next(name for name, value in needed.items() if value is None))
    if not _EARLIEST <= read.event_ts <= taken_at + max_clock_skew:
        return Verdict(Reason.BUSINESS_RULE_VIOLATION, f"timestamp={read.timestamp}")
    return Reading(read.truck_id.strip().upper(), read.event_ts)


def repeated(reading: Reading) -> Verdict:
    """Return the verdict on a reading whose key came before."""
    return Verdict(Reason.DUPLICATE_DETECTED, f"repeats {reading.truck_id} at {reading.event_ts:%Y-%m-%d %H:%M:%S.%f}")


def row(source: SourceTable, values: Mapping[str, Any], has_parent: Callable[[str, Any], bool]) -> Verdict | None:
    """Judge a row version; None where it is valid. ``has_parent`` says whether a Silver table holds a key."""
    if values.get("_rescued_data") is not None:
        return Verdict(Reason.SCHEMA_VALIDATION_FAILED, f"not representable: {values['_rescued_data']}"[:_SHOWN])
    for column in source.columns:
        value = values.get(column.name)
        if isinstance(value, float) and not math.isfinite(value):
            return Verdict(Reason.SCHEMA_VALIDATION_FAILED, f"{column.name} is {value}")
    for name in source.critical:
        value = values.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return _missing(name)
    for rule in BUSINESS_RULES.get(source.name, ()):
        broken = _broken(rule, values)
        if broken:
            return Verdict(Reason.BUSINESS_RULE_VIOLATION, ", ".join(f"{n}={values[n]}"[:_SHOWN] for n in broken))
    for key in source.foreign_keys:
        if not has_parent(key.parent, values[key.column]):
            seen = f"{key.column}={values[key.column]}"[:_SHOWN]
            return Verdict(Reason.INVALID_FOREIGN_KEY, f"{seen} is not in {key.parent}")
    return None


def _missing(name: str) -> Verdict:
    return Verdict(Reason.NULL_CRITICAL_FIELD, f"{name} is null or blank")


def _broken(rule: RowRule, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that break a rule together; none where it holds or one of them is null."""
    match rule:
        case OneOf(column, words):
            return (column,) if values.get(column) is not None and values[column] not in words else ()
        case NotNegative(column):
            return (column,) if values.get(column) is not None and values[column] < 0 else ()
        case InOrder(low, high):
            first, last = values.get(low), values.get(high)
            return (low, high) if first is not None and last is not None and last < first else ()
