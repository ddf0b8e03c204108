"""Rows at hand become frames whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.dataset import dataset
from pyspark.sql import DataFrame

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


def test_few_rows_that_turn_out_to_be_many_are_kept_by_spark(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[DataFrame] = []
    held = lake.keep(lake.spark.range(3), kept, few=True)
    assert (held.count(), kept) == (3, [])
    assert lake.rows_at_hand(held) is not None
    monkeypatch.setattr(at_hand, "MOST_ROWS", 2)
    many = lake.keep(lake.spark.range(3), kept, few=True)
    assert (many.count(), kept, lake.rows_at_hand(many)) == (3, [many], None)
    assert many.storageLevel.useMemory
    many.unpersist()


def test_what_is_asked_of_rows_at_hand_is_what_spark_would_say(lake: Lake) -> None:
    rows = pa.table({"n": [1, 2, 2, None], "text": ["x", None, "x", "y"]})
    frame = lake.frame_of(rows)
    unknown = lake.frame_of(rows).select("*")
    assert (lake.rows_at_hand(frame), lake.rows_at_hand(unknown)) == (rows, None)
    found = [lake.literals(one, ["n", "text"]) for one in (frame, unknown)]
    assert [{name: sorted(values or []) for name, values in one.items()} for one in found] == [
        {"n": [1, 2], "text": ["x", "y"]}
    ] * 2


def test_settings_for_few_rows_last_as_long_as_these(lake: Lake) -> None:
    name = "spark.sql.adaptive.enabled"
    assert (lake.expects_few, lake.spark.conf.get(name)) == (False, "true")
    with lake.settings_for(few=True):
        assert (lake.expects_few, lake.spark.conf.get(name)) == (True, "false")
    with lake.settings_for(few=False):
        assert (lake.expects_few, lake.spark.conf.get(name)) == (False, "true")
    assert (lake.expects_few, lake.spark.conf.get(name)) == (False, "true")
