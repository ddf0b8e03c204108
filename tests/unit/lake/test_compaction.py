"""Compaction makes few files of many, near rows near, and changes nothing that anyone reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.bronze import IOT_TELEMETRY as BRONZE_TELEMETRY
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import TASK_RUNS
from smart_logistics.contracts.silver import IOT_TELEMETRY, ORDERS
from smart_logistics.lake import compaction, locks, small, tables
from smart_logistics.lake.compaction import MOST_SORTED_BYTES, Step
from smart_logistics.lake.state import SMALL_BYTES, state
from tests.unit.lake.readings import APP, content, files, small_files

BIG = SMALL_BYTES + 1


def lake(folder: Path) -> str:
    return str(folder / "lakehouse")


def do_everything(root: str, table: Table = IOT_TELEMETRY) -> list[int]:
    return [compaction.apply(root, table, step) for step in compaction.steps(root, table)]


def of_sizes(**by_day: list[int]) -> pa.Table:
    days = [day for day, sizes in by_day.items() for _ in sizes]
    return pa.table({"size_bytes": [s for sizes in by_day.values() for s in sizes], "partition.reading_date": days})


def test_only_partitions_with_several_small_files_are_touched() -> None:
    found = of_sizes(a=[10, 10, BIG], b=[10, BIG, BIG], c=[BIG, BIG], d=[10])
    assert [(step.partition, step.files) for step in compaction.plan(IOT_TELEMETRY, found)] == [
        ((("reading_date", "a"),), 3)
    ]


def test_a_partition_that_does_not_fit_into_memory_is_joined_but_not_sorted() -> None:
    found = of_sizes(a=[10, 10, MOST_SORTED_BYTES], b=[10, 10])
    assert [step.sort for step in compaction.plan(IOT_TELEMETRY, found)] == [False, True]


def test_a_table_without_partitions_is_one_step() -> None:
    assert compaction.plan(ORDERS, pa.table({"size_bytes": [1, 2]})) == [Step((), 2, sort=True)]
    assert compaction.plan(ORDERS, pa.table({})) == []


def test_no_row_changes_and_each_partition_is_one_file(tmp_path: Path) -> None:
    root = lake(tmp_path)
    small_files(root)
    before = content(root)
    assert do_everything(root) == [4, 4]
    assert content(root) == before
    assert len(files(root)) == 2
    assert state(root, IOT_TELEMETRY).rows == len(before)
    assert do_everything(root) == []


def test_joining_without_sorting_changes_no_row_either(tmp_path: Path) -> None:
    root = lake(tmp_path)
    small_files(root, days=1)
    before = content(root)
    (step,) = compaction.steps(root, IOT_TELEMETRY)
    assert compaction.apply(root, IOT_TELEMETRY, Step(step.partition, step.files, sort=False)) == 4
    assert content(root) == before
    assert len(files(root)) == 1


def test_nothing_to_do_is_no_commit(tmp_path: Path) -> None:
    root = lake(tmp_path)
    small_files(root, days=1, files=1)
    before = DeltaTable(tables.uri(root, IOT_TELEMETRY)).version()
    assert compaction.apply(root, IOT_TELEMETRY, Step((("reading_date", "2026-11-01"),), 1, sort=False)) == 0
    assert do_everything(root) == []
    assert DeltaTable(tables.uri(root, IOT_TELEMETRY)).version() == before


def test_the_commit_says_that_no_data_changed_and_progress_stays(tmp_path: Path) -> None:
    root = lake(tmp_path)
    small_files(root, days=1)
    do_everything(root)
    newest = max((Path(tables.uri(root, IOT_TELEMETRY)) / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    changes = {action[kind]["dataChange"] for action in actions for kind in ("add", "remove") if kind in action}
    assert changes == {False}
    assert tables.progress(root, IOT_TELEMETRY, APP) == 4


def test_a_truck_lies_in_one_file_afterwards(tmp_path: Path) -> None:
    root = lake(tmp_path)
    small_files(root, days=1, files=10, trucks=400)
    (step,) = compaction.steps(root, IOT_TELEMETRY)
    before = files(root)
    assert set(before["min.truck_id"].to_pylist()) == {"KA01AB0000"}
    compaction.apply(root, IOT_TELEMETRY, step, target_bytes=20_000)
    after = files(root)
    spans = sorted(zip(after["min.truck_id"].to_pylist(), after["max.truck_id"].to_pylist(), strict=True))
    assert len(spans) > 2
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_records_without_a_date_are_joined_too(tmp_path: Path) -> None:
    root = lake(tmp_path)
    at = datetime(2026, 11, 1, tzinfo=UTC)
    for n in range(3):
        row = {"source_file": "f", "position": n, "raw_payload": "{}", "_ingested_at": at, "reading_date": None}
        with tables.writing(root, BRONZE_TELEMETRY):
            tables.append_rows(root, BRONZE_TELEMETRY, [row, {**row, "position": n + 9, "reading_date": at.date()}])
    before = content(root, BRONZE_TELEMETRY)
    assert do_everything(root, BRONZE_TELEMETRY) == [3, 3]
    assert content(root, BRONZE_TELEMETRY) == before
    assert len(files(root, BRONZE_TELEMETRY)) == 2


def test_what_merges_left_can_be_filtered_afterwards(tmp_path: Path) -> None:
    root = lake(tmp_path)
    row = {"run_id": "r", "try_number": 1, "state": "success"}
    for n in range(3):
        small.merge_rows(root, TASK_RUNS, [{**row, "task_id": f"t{n}"}])
    before = content(root, TASK_RUNS)
    do_everything(root, TASK_RUNS)
    dataset = DeltaTable(tables.uri(root, TASK_RUNS)).to_pyarrow_dataset()
    assert dataset.count_rows(filter=pc.field("task_id").isin(["t1", "t2"])) == 2
    assert content(root, TASK_RUNS) == before
    assert len(files(root, TASK_RUNS)) == 1


def test_it_waits_for_the_writer_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = lake(tmp_path)
    small_files(root, days=1)
    held: list[str] = []
    hold = locks.hold

    def noted(path: Path, **how: Any) -> Any:
        held.append(path.name)
        return hold(path, **how)

    monkeypatch.setattr(locks, "hold", noted)
    do_everything(root)
    assert held == ["silver.iot_telemetry.lock"]
