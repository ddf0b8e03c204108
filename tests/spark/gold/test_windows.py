"""The days in which readings are looked for."""

from __future__ import annotations

from datetime import date

from smart_logistics.gold.windows import merged, within


def day(number: int) -> date:
    return date(2026, 11, number)


def test_spans_that_overlap_or_touch_become_one() -> None:
    spans = [(day(7), day(8)), (day(1), day(2)), (day(3), day(4)), (day(2), day(2))]
    assert merged(spans) == [(day(1), day(4)), (day(7), day(8))]


def test_a_span_without_end_takes_in_all_that_follow() -> None:
    assert merged([(day(9), day(9)), (day(3), None), (day(1), day(1)), (day(5), None)]) == [
        (day(1), day(1)),
        (day(3), None),
    ]


def test_days_are_named_literally() -> None:
    assert within("reading_date", [(day(1), day(2)), (day(5), None)]) == [
        [("reading_date", ">=", day(1)), ("reading_date", "<=", day(2))],
        [("reading_date", ">=", day(5))],
    ]
