"""Days in which assignments may have readings, and assignments that may have readings of some days, as predicates.

Made of literals, so that partitions and files of other times are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from smart_logistics.lake.conditions import Condition, Where

Days = tuple[date, date | None]
"""First and last day, both included; None = no end."""
_MOST_SPANS = 60


def merged(spans: Iterable[Days]) -> list[Days]:
    """Return ``spans`` in order of time, those that overlap or touch made one."""
    result: list[Days] = []
    for first, last in sorted(spans, key=lambda span: span[0]):
        if result:
            before, until = result[-1]
            if until is None or (first - until).days <= 1:
                result[-1] = (before, None if until is None or last is None else max(until, last))
                continue
        result.append((first, last))
    return result


def within(column: str, spans: Iterable[Days]) -> Where:
    """Return the condition that the date ``column`` lies in one of ``spans``."""
    where: list[list[Condition]] = []
    for first, last in merged(spans):
        starts: list[Condition] = [(column, ">=", first)]
        where.append(starts if last is None else [*starts, (column, "<=", last)])
    return where


def under_way(starts_at: str, ends_at: str, spans: Iterable[Days]) -> Where:
    """Return the condition that the time from ``starts_at`` to ``ends_at`` (null = open) touches one of ``spans``."""
    where: list[list[Condition]] = []
    for first, last in merged(spans):
        begun: list[Condition] = [] if last is None else [(starts_at, "<", _midnight(last + timedelta(days=1)))]
        where += [[*begun, (ends_at, ">", _midnight(first))], [*begun, (ends_at, "null", None)]]
    return where


def on_days(column: str, days: Iterable[date]) -> Where:
    """Return the condition that the instant ``column`` is of one of ``days``, or between them where they are many."""
    spans = merged((day, day) for day in days)
    if len(spans) > _MOST_SPANS:
        spans = [(spans[0][0], max(last for _, last in spans if last is not None))]
    return [
        [(column, ">=", _midnight(first)), (column, "<=", datetime.combine(last, time.max, UTC))]
        for first, last in spans
        if last is not None
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
