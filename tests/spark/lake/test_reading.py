"""Rows at hand become frames whole."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from smart_logistics.contracts import silver
from smart_logistics.lake import at_hand, tables
from smart_logistics.lake.reading import instant
from smart_logistics.lake.store import Lake


@pytest.mark.parametrize("parts", [[], [[]], [[1], [], [2, 3]], [[], [1]]])
def test_no_row_is_lost_behind_an_empty_chunk(lake: Lake, parts: list[list[int]]) -> None:
    rows = pa.table({"n": pa.chunked_array(parts, pa.int64())})
    assert [row["n"] for row in lake.frame_of(rows).collect()] == [n for part in parts for n in part]


def test_few_rows_and_many_are_the_same_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = [1_800_000_000_000_001, 1_800_000_000_000_002]
    for number, stamp in enumerate(stamps):
        row = {"driver_id": number, "is_deleted": False, "_ingested_at": instant(stamp), "_changed_at": instant(stamp)}
        tables.append_rows(lake.root, silver.DRIVERS, [row])
    few = lake.since(silver.DRIVERS, stamps[0]).collect()
    monkeypatch.setattr(at_hand, "MOST_ROWS", 0)
    # One microsecond apart: file statistics hold milliseconds only.
    assert few == lake.since(silver.DRIVERS, stamps[0]).collect()
    assert [row["driver_id"] for row in few] == [1]
    assert instant(stamps[1]) - instant(stamps[0]) == timedelta(microseconds=1)
