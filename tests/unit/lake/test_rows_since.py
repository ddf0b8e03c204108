"""How many rows are new, by the files' statistics, which Spark cuts to milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_logistics.contracts import silver
from smart_logistics.lake import small, tables
from smart_logistics.lake.tables import instant

STAMP = 1_800_000_000_000_999


def test_files_that_may_hold_something_later_are_counted_and_no_others(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    for number, stamp in enumerate((STAMP - 5000, STAMP, STAMP + 1)):
        row = {"driver_id": number, "is_deleted": False, "_ingested_at": instant(stamp), "_changed_at": instant(stamp)}
        tables.append_rows(root, silver.DRIVERS, [row])
    assert small.rows_since(root, silver.DRIVERS, "_changed_at", STAMP - 6001) == 3
    assert small.rows_since(root, silver.DRIVERS, "_changed_at", STAMP) == 2
    assert small.rows_since(root, silver.DRIVERS, "_changed_at", STAMP + 2000) == 0
    assert small.rows_since(root, silver.DRIVERS, "_changed_at", 0) == 3


def test_rows_are_few_where_they_are_known_to_be_and_their_files_are_no_heap_of_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path / "lakehouse")
    row = {"driver_id": 1, "is_deleted": False, "_ingested_at": instant(STAMP), "_changed_at": instant(STAMP)}
    assert small.are_few(root, silver.DRIVERS, "_changed_at", 0)
    tables.append_rows(root, silver.DRIVERS, [row, row | {"driver_id": 2}])
    assert small.are_few(root, silver.DRIVERS, "_changed_at", 0)
    # A column of which the files say nothing.
    assert not small.are_few(root, silver.DRIVERS, "no_such_column", 0)
    with monkeypatch.context() as fewer:
        fewer.setattr(small, "MOST_ROWS", 1)
        assert not small.are_few(root, silver.DRIVERS, "_changed_at", 0)
    monkeypatch.setattr(small, "_MOST_BYTES", 1)
    assert not small.are_few(root, silver.DRIVERS, "_changed_at", 0)
    assert small.are_few(root, silver.DRIVERS, "_changed_at", STAMP + 2000)
