"""Vacuum deletes what nobody can need any more, and keeps a week for those who read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import compaction, tables, vacuum
from smart_logistics.lake.vacuum import Vacuumed
from tests.unit.lake.readings import APP, content, files, small_files

WEEK = 168


def aged(path: Path, hours: float) -> Path:
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def orphan(root: str, name: str, hours: float) -> Path:
    folder = Path(tables.uri(root, IOT_TELEMETRY)) / "reading_date=2026-11-01"
    path = folder / name
    path.write_bytes(b"half a file")
    return aged(path, hours)


@pytest.fixture
def root(tmp_path: Path) -> str:
    root = str(tmp_path / "lakehouse")
    small_files(root, days=1)
    return root


def compacted(root: str) -> list[Path]:
    """Compact and return the files that were replaced."""
    before = [Path(tables.uri(root, IOT_TELEMETRY), path) for path in files(root)["path"].to_pylist()]
    for step in compaction.steps(root, IOT_TELEMETRY):
        compaction.apply(root, IOT_TELEMETRY, step)
    return before


def test_files_that_were_replaced_within_the_week_stay(root: str) -> None:
    # However old the file is: its removal counts, for a reader may have begun just before.
    replaced = [aged(path, 1000) for path in compacted(root)]
    assert vacuum.apply(root, IOT_TELEMETRY, WEEK) == Vacuumed()
    assert all(path.exists() for path in replaced)


def test_a_reader_of_the_version_before_is_not_disturbed(root: str) -> None:
    reader = DeltaTable(tables.uri(root, IOT_TELEMETRY)).to_pyarrow_dataset()
    compacted(root)
    vacuum.apply(root, IOT_TELEMETRY, WEEK)
    assert reader.to_table().num_rows == len(content(root))


def test_files_that_were_replaced_before_the_week_go(root: str) -> None:
    before = content(root)
    replaced = compacted(root)
    size = sum(path.stat().st_size for path in replaced)
    assert vacuum.apply(root, IOT_TELEMETRY, 0) == Vacuumed(4, size)
    assert not any(path.exists() for path in replaced)
    assert content(root) == before


def test_what_a_killed_writer_left_goes_when_it_is_a_week_old(root: str) -> None:
    old, young = orphan(root, "part-old.parquet", 169), orphan(root, "part-young.parquet", 167)
    log = Path(tables.uri(root, IOT_TELEMETRY)) / "_delta_log"
    temporary = log / ".00000000000000000009.json.tmp"
    temporary.write_text("{}")
    aged(temporary, 169)
    checksum = orphan(root, ".part-gone.parquet.crc", 169)
    partner = orphan(root, f".{Path(files(root)['path'][0].as_py()).name}.crc", 169)
    before = content(root)
    assert vacuum.apply(root, IOT_TELEMETRY, WEEK).files == 3
    assert [path.exists() for path in (old, young, temporary, checksum, partner)] == [False, True, False, False, True]
    assert content(root) == before
    assert tables.progress(root, IOT_TELEMETRY, APP) == 4


def test_nothing_to_delete_is_no_commit(root: str) -> None:
    before = DeltaTable(tables.uri(root, IOT_TELEMETRY)).version()
    assert vacuum.expired(root, IOT_TELEMETRY, WEEK) == []
    vacuum.apply(root, IOT_TELEMETRY, WEEK)
    assert DeltaTable(tables.uri(root, IOT_TELEMETRY)).version() == before


def test_a_table_that_asks_for_more_than_a_week_gets_it(root: str) -> None:
    found = DeltaTable(tables.uri(root, IOT_TELEMETRY))
    found.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 30 days"})
    orphan(root, "part-old.parquet", 700)
    assert vacuum.expired(root, IOT_TELEMETRY, WEEK) == []
    orphan(root, "part-old.parquet", 721)
    assert len(vacuum.expired(root, IOT_TELEMETRY, WEEK)) == 1


def test_less_than_a_week_must_be_forced() -> None:
    with pytest.raises(ConfigurationError, match="167 h"):
        vacuum.require_retention(167)
    vacuum.require_retention(167, force=True)
    vacuum.require_retention(168)
    with pytest.raises(ConfigurationError):
        vacuum.require_retention(-1, force=True)


def test_a_month_old_log_entries_go_and_progress_stays(root: str) -> None:
    location = tables.uri(root, IOT_TELEMETRY)
    with tables.writing(root, IOT_TELEMETRY):
        tables.advance(root, IOT_TELEMETRY, app="gone_long_ago", stamp=77)
        for stamp in range(5, 50):
            tables.advance(root, IOT_TELEMETRY, app=APP, stamp=stamp)
    before, version = content(root), DeltaTable(location).version()
    log = Path(location) / "_delta_log"
    for path in log.glob("000000000000000000[012]*"):
        aged(path, 31 * 24)
    vacuum.clean_log(root, IOT_TELEMETRY)
    left = sorted(int(path.stem) for path in log.glob("*.json"))
    assert 0 < left[0] <= 30
    assert left == list(range(left[0], version + 1))
    assert DeltaTable(location).version() == version
    assert content(root) == before
    assert tables.progress(root, IOT_TELEMETRY, "gone_long_ago") == 77
    assert tables.progress(root, IOT_TELEMETRY, APP) == 49


def test_a_checkpoint_is_made_where_none_was_for_long(root: str) -> None:
    log = Path(tables.uri(root, IOT_TELEMETRY)) / "_delta_log"
    for stamp in range(5, 30):
        tables.advance(root, IOT_TELEMETRY, app=APP, stamp=stamp)
    for path in (*log.glob("*.checkpoint*"), log / "_last_checkpoint"):
        path.unlink(missing_ok=True)
    vacuum.clean_log(root, IOT_TELEMETRY)
    assert list(log.glob("*.checkpoint.parquet"))
    assert tables.progress(root, IOT_TELEMETRY, APP) == 29
