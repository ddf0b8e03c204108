"""What Delta would take for a shorter history is refused before a job reads or writes anything."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smart_logistics.contracts.bronze import SOURCE_DELETES
from smart_logistics.errors import LakeDamaged
from smart_logistics.lake import small
from smart_logistics.lake.store import Lake

AT = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("source_table", "source_key", "_ingested_at", "_run_id", "_ingestion_date")


def append(lake: Lake, stamp: int, keys: list[str]) -> None:
    rows = lake.spark.createDataFrame([("orders", key, AT, "r", AT.date()) for key in keys], COLUMNS)
    lake.append(SOURCE_DELETES, rows, stamp)


@pytest.mark.parametrize("writer", ["delta-rs", "Spark"])
def test_an_emptied_last_commit_stops_a_job_until_its_copy_is_back(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    if writer == "Spark":
        monkeypatch.setattr(small, "MOST_ROWS", -1)
        monkeypatch.setattr(small, "fits", lambda *_: False)
    append(lake, 1, ["a", "b"])
    append(lake, 2, ["c"])
    log = Path(lake.path(SOURCE_DELETES)) / "_delta_log"
    commit = max(log.glob("*.json"))
    commit.write_bytes(b"")
    with pytest.raises(LakeDamaged), lake.alone():
        append(lake, 3, ["d"])
    shutil.copy(Path(lake.root) / "_commits" / "bronze.source_deletes" / commit.name, commit)
    (log / f".{commit.name}.crc").unlink(missing_ok=True)
    with lake.alone():
        append(lake, 3, ["d"])
    assert sorted(row["source_key"] for row in lake.read(SOURCE_DELETES).collect()) == ["a", "b", "c", "d"]
