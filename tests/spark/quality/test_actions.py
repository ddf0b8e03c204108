"""Frames that are collected side by side."""

from __future__ import annotations

import pyarrow as pa
import pytest

from smart_logistics.lake.store import Lake
from smart_logistics.quality.actions import rows_of


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_each_frames_rows_come_once_however_many_go_side_by_side(lake: Lake, at_once: int) -> None:
    frames = [lake.frame_of(pa.table({"n": [number]})) for number in range(3)]
    assert sorted(row["n"] for row in rows_of(frames, at_once=at_once)) == [0, 1, 2]
    assert rows_of([], at_once=at_once) == []


def test_what_fails_beside_another_fails_the_whole(lake: Lake) -> None:
    fails = lake.spark.range(1).selectExpr("raise_error('no') AS n")
    with pytest.raises(Exception, match="no"):
        rows_of([lake.spark.range(1).selectExpr("'x' AS n"), fails], at_once=2)
