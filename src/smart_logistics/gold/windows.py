"""Days in which a set of assignments may have readings, as a predicate that Delta prunes partitions by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

Days = tuple[date, date | None]
"""First and last day, both included; None = no end."""


def merged(spans: Iterable[Days]) -> list[Days]:
    """Return ``spans`` in order of time, those that overlap or touch made one."""
    result: list[Days] = []
    for first, last in sorted(spans, key=lambda span: span[0]):
        if result:
            before, until = result[-1]
            if until is None or first <= until + timedelta(days=1):
                result[-1] = (before, None if until is None or last is None else max(until, last))
                continue
        result.append((first, last))
    return result


def within(column: str, spans: Iterable[Days]) -> Column:
    """Return whether the date ``column`` lies in one of ``spans``, said in literals."""
    found = F.lit(False)
    for first, last in merged(spans):
        day = F.col(column)
        found = found | ((day >= F.lit(first)) if last is None else day.between(F.lit(first), F.lit(last)))
    return found
