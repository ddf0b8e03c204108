"""Which rows lie behind the fence, with 32-bit numbers that go round, and when the fence does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_logistics.sources.fence import HALF_CIRCLE, Fence, Snapshot, is_still, lsn_number, new_rows, why_full

NOW = Snapshot("00000003-00000001-1", "77", "00000001", 500, 1_000, 1_010)
LAST = Fence("77", "00000001", 400, 900, 950, 16_384, "abc", "id", 1)


def _takes(predicate: str, xid: int) -> bool:
    """Evaluate the predicate as PostgreSQL does: bigint arithmetic, two's complement."""
    return bool(eval(predicate.replace("xmin::text::bigint", str(xid & 0xFFFFFFFF))))  # noqa: S307 - our own text


@given(st.integers(3, 2**40), st.integers(0, HALF_CIRCLE - 1), st.data())
def test_every_transaction_since_the_fence_is_taken_and_none_shortly_before(
    low: int, span: int, data: st.DataObject
) -> None:
    predicate = new_rows(replace(LAST, xmin=low), replace(NOW, xmax=low + span))
    if span:
        assert _takes(predicate, low + data.draw(st.integers(0, span - 1)))
    assert not _takes(predicate, low - data.draw(st.integers(1, min(low, HALF_CIRCLE))))


@pytest.mark.parametrize(
    ("last", "now", "relation", "columns"),
    [
        (None, NOW, 16_384, "abc"),
        (LAST, replace(NOW, system_identifier="78"), 16_384, "abc"),
        (LAST, replace(NOW, timeline="00000002"), 16_384, "abc"),
        (LAST, replace(NOW, lsn=399), 16_384, "abc"),
        (LAST, replace(NOW, xmin=930, xmax=940), 16_384, "abc"),
        (LAST, replace(NOW, xmax=900 + HALF_CIRCLE), 16_384, "abc"),
        (LAST, NOW, 16_385, "abc"),
        (LAST, NOW, 16_384, "abd"),
    ],
)
def test_another_history_table_or_shape_is_read_in_full(
    last: Fence | None, now: Snapshot, relation: int, columns: str
) -> None:
    assert why_full(last, now, relation=relation, columns=columns)


def test_the_same_history_is_read_behind_the_fence_only() -> None:
    assert why_full(LAST, NOW, relation=16_384, columns="abc") is None
    assert not is_still(LAST, NOW)
    assert is_still(LAST, replace(NOW, xmin=900, xmax=900))


def test_positions_of_the_log_are_compared_as_numbers() -> None:
    assert lsn_number("0/FFFFFFFF") < lsn_number("1/0") < lsn_number("A/1")
