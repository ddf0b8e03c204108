"""Readings in small files, as runs leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from smart_logistics.contracts.model import Table
from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.lake import tables

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
APP = "silver_iot"


def readings(day: int, hour: int, trucks: int = 20, each: int = 5) -> list[dict[str, Any]]:
    at = NOON + timedelta(days=day, hours=hour, microseconds=123456)
    return [
        {
            "truck_id": f"KA01AB{truck:04d}",
            "event_ts": at + timedelta(seconds=n),
            "temperature": truck % 50 + n / 10,
            "is_outlier": truck == 3,
            "outlier_reason": "SPEED" if truck == 3 else None,
            "source_file": "f.json",
            "_ingested_at": at,
            "_changed_at": at,
            "reading_date": at.date(),
        }
        for truck in range(trucks)
        for n in range(each)
    ]


def small_files(root: str, *, days: int = 2, files: int = 4, trucks: int = 20) -> None:
    """Append ``files`` times to each of ``days`` partitions; the last stamp of the progress is ``files``."""
    for hour in range(files):
        rows = [row for day in range(days) for row in readings(day, hour, trucks)]
        with tables.writing(root, IOT_TELEMETRY):
            tables.append_rows(root, IOT_TELEMETRY, rows, app=APP, stamp=hour + 1)


def content(root: str, table: Table = IOT_TELEMETRY) -> list[dict[str, Any]]:
    """Every row of a table, in an order that does not depend on its files."""
    found = tables.open_table(root, table)
    assert found is not None
    rows: list[dict[str, Any]] = found.to_pyarrow_dataset().to_table().to_pylist()
    return sorted(rows, key=str)


def files(root: str, table: Table = IOT_TELEMETRY) -> pa.Table:
    found = tables.open_table(root, table)
    assert found is not None
    return pa.table(found.get_add_actions(flatten=True))
