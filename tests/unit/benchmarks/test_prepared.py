"""What is there before a benchmark begins must look as the jobs leave it."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import fleet_day, month_history, small_files
from benchmarks.same_results import differences

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.lake import scanning, tables

TRUCKS = 2


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    month_history.fill(folder, TRUCKS, [fleet_day.midnight(3), fleet_day.midnight(2)])
    return folder


def test_both_sides_begin_with_the_same_days(month: Path) -> None:
    same = dict.fromkeys([silver.IOT_TELEMETRY], "true")
    assert differences(month / "ours", month / "naive", where=same) == []
    answers = scanning.dataset(str(month / "ours"), gold.SHIPMENT_ANALYTICS).to_table(columns=["shipment_id"])
    assert len(set(answers.column("shipment_id").to_pylist())) == 2 * TRUCKS * fleet_day.A_TRUCK
    assert len(list((month / "files").glob("*/*.json"))) == 2 * 144


def test_each_job_has_seen_what_was_brought_before_it(month: Path) -> None:
    root = str(month / "ours")
    brought = tables.progress(root, bronze.IOT_TELEMETRY, "bronze_ingest_iot")
    judged = tables.progress(root, silver.IOT_TELEMETRY, "silver_iot")
    answered = tables.progress(root, gold.SHIPMENT_ANALYTICS, "gold_aggregate")
    carried = tables.progress(root, silver.TRUCK_ASSIGNMENTS, "silver_transactional")
    assert brought < judged < answered
    assert carried < answered
    assert tables.open_table(root, gold.SHIPMENT_ANALYTICS).metadata().configuration[gold.HOLD_PROPERTY] == "60"  # type: ignore[union-attr]


def test_copies_share_the_data_and_not_the_log(month: Path, tmp_path: Path) -> None:
    month_history.copied(month / "ours", tmp_path / "copy")
    copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    for path in copied:
        is_data = path.suffix == ".parquet" and "_delta_log" not in path.parts
        assert (path.stat().st_nlink > 1) is is_data, path
    assert copied


def test_the_log_of_files_holds_as_many_as_were_seen(tmp_path: Path) -> None:
    small_files.fill_log(tmp_path, 1_003)
    rows = scanning.dataset(str(tmp_path), bronze.PROCESSED_FILES_LOG).to_table()
    assert rows.num_rows == 1_003
    assert len(set(rows.column("checksum_md5").to_pylist())) == 1_003
    assert set(rows.column("status").to_pylist()) == {"LOADED"}
