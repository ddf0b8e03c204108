"""How many rows are new, by the files' statistics, which Spark cuts to milliseconds."""

from __future__ import annotations

from pathlib import Path

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
