"""How many rows an append has written: told by what was collected, or by Spark's write itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from smart_logistics.contracts.bronze import SOURCE_DELETES
from smart_logistics.lake import small
from smart_logistics.lake.store import Lake

_DAY = {"_ingested_at": datetime(2026, 11, 1, tzinfo=UTC), "_ingestion_date": date(2026, 11, 1), "_run_id": "r"}


@pytest.mark.parametrize("most_rows", [20_000, 0], ids=["from here", "by Spark"])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("rows", [0, 3])
def test_an_append_tells_its_rows_and_a_replay_adds_none(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, most_rows: int, many: bool, rows: int
) -> None:
    monkeypatch.setattr(small, "MOST_ROWS", most_rows)
    schema = lake.nothing(SOURCE_DELETES).schema
    given = [{"source_table": "orders", "source_key": str(n), **_DAY} for n in range(rows)]
    frame = lake.spark.createDataFrame(given, schema)
    for _ in range(2):
        assert lake.append(SOURCE_DELETES, frame, 7, many=many) == rows
        assert lake.read(SOURCE_DELETES).count() == rows
        assert lake.progress(SOURCE_DELETES) == 7
    assert lake.append(SOURCE_DELETES, frame, 8, many=many) == rows
    assert lake.read(SOURCE_DELETES).count() == 2 * rows


def test_no_rows_are_no_commit_where_they_need_not_be(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "MOST_ROWS", 0)
    assert lake.append(SOURCE_DELETES, lake.nothing(SOURCE_DELETES), 7, skip_empty=True) == 0
    assert lake.progress(SOURCE_DELETES) == 0
