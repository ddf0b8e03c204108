"""Rows at hand become frames whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.dataset import dataset

from smart_logistics.contracts import ALL_TABLES, silver
from smart_logistics.lake import at_hand, tables
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant
from smart_logistics.quality.facts import NEW_BY
from tests.spark.quality import lakes


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


def test_the_first_instant_of_all_can_be_asked_for() -> None:
    first = datetime.min.replace(tzinfo=UTC)
    rows = pa.table({"t": pa.array([first, first + timedelta(microseconds=1)], pa.timestamp("us", "UTC"))})
    found = at_hand.few(dataset(rows), [[("t", ">", first)]], 10)
    assert found is not None
    assert found["t"].to_pylist() == [first + timedelta(microseconds=1)]


def test_what_is_new_in_a_table_is_found_by_the_statistics_of_its_files(tmp_path: Path) -> None:
    lakes.healthy(tmp_path / "lakehouse")
    written = set()
    for table in ALL_TABLES:
        found = tables.open_table(str(tmp_path / "lakehouse"), table)
        if found is not None and found.file_uris() and table.full_name in NEW_BY:
            files = pa.table(found.get_add_actions(flatten=True))
            assert files[f"max.{NEW_BY[table.full_name]}"].null_count == 0
            written.add(table.full_name)
    assert written >= {"gold.shipment_analytics", "silver.shipments", "bronze.rejected_records"}
