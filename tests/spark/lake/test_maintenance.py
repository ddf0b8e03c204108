"""Maintenance beside the pipeline: no row is lost, no job disturbed, and progress stays where it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from smart_logistics import contracts
from smart_logistics.contracts.bronze import SOURCE_DELETES
from smart_logistics.contracts.ops import TABLE_HEALTH
from smart_logistics.contracts.silver import IOT_TELEMETRY, ORDERS
from smart_logistics.jobs import silver_iot
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import small, tables
from smart_logistics.lake.operations import INSERT, OPERATION, UPDATE
from smart_logistics.lake.store import Lake
from smart_logistics.ops import maintenance
from tests.spark.silver.builders import land, reading
from tests.unit.lake.readings import readings, small_files

AT = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("source_table", "source_key", "_ingested_at", "_run_id", "_ingestion_date")
# Compacts as fast as it can until it is told to stop; says how many files it replaced.
LOOP = """
import sys
from smart_logistics.contracts import BY_FULL_NAME
from smart_logistics.lake import compaction, vacuum
root, stop, names = sys.argv[1], sys.argv[2], sys.argv[3:]
from pathlib import Path
replaced = 0
while not Path(stop).exists():
    for table in map(BY_FULL_NAME.get, names):
        replaced += sum(compaction.apply(root, table, step) for step in compaction.steps(root, table))
        vacuum.apply(root, table, 168)
        vacuum.clean_log(root, table)
print(replaced)
"""


def maintain(lake: Lake, run_id: str = "m", *, retain_hours: int = 168) -> dict[str, int]:
    return dict(
        maintenance.maintain(
            lake.root, maintenance.chosen([]), run_id=run_id, retain_hours=retain_hours, tell=lambda _: None
        )
    )


def consume(lake: Lake) -> int:
    """Let the consumer of Bronze's telemetry run; return how many readings it added."""
    lake.job = "silver_iot"
    return int(str(silver_iot.run(Context(lake, "run", "", {"MAX_CLOCK_SKEW_MINUTES": 10}))["rows"]))


def content(lake: Lake) -> dict[str, list[str]]:
    """Every row of every table but the health's, as Spark reads it."""
    return {
        table.full_name: sorted(map(str, lake.read(table).collect()))
        for table in contracts.ALL_TABLES
        if table is not TABLE_HEALTH and tables.open_table(lake.root, table)
    }


def file_at(minute: int) -> dict[str, Any]:
    return reading(minute, source_file=f"iot_telemetry_20261101_00{minute:02}00_a.json")


def test_a_consumer_sees_nothing_new_after_it_and_what_is_new_once(lake: Lake) -> None:
    for minute in (0, 10):
        land(lake, file_at(minute))
    assert consume(lake) == 2
    # This reading is not consumed yet when maintenance comes.
    land(lake, file_at(20))
    before = content(lake)
    assert maintain(lake)["compacted_files"] == 3
    assert content(lake) == before
    assert consume(lake) == 1
    after = content(lake)
    assert maintain(lake, "again", retain_hours=0)["vacuumed_files"] > 3
    assert consume(lake) == 0
    assert content(lake) == after


def test_a_replay_after_it_is_still_a_replay_for_spark(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "fits", lambda *_: False)
    for stamp, key in enumerate("abc", start=1):
        append(lake, stamp, key)
    maintain(lake)
    DeltaTable(lake.path(SOURCE_DELETES)).create_checkpoint()
    append(lake, 3, "replayed")
    assert keys(lake) == ["a", "b", "c"]


def append(lake: Lake, stamp: int, key: str) -> None:
    frame = lake.spark.createDataFrame([("orders", key, AT, "r", AT.date())], COLUMNS)
    lake.append(SOURCE_DELETES, frame, stamp)


def keys(lake: Lake) -> list[str]:
    return sorted(found["source_key"] for found in lake.read(SOURCE_DELETES).collect())


def test_health_is_recorded_once_for_each_table_and_run(lake: Lake) -> None:
    small_files(lake.root)
    assert maintain(lake, "first") == {"tables": 1, "compacted_files": 8, "vacuumed_files": 0, "freed_bytes": 0}
    assert maintain(lake, "first")["compacted_files"] == 0
    (one,) = [found for found in lake.read(TABLE_HEALTH).collect() if found["table_name"] == "iot_telemetry"]
    assert (one["rows"], one["files"], one["small_files"], one["partitions"]) == (800, 2, 0, 2)


def test_a_killed_maintenance_loses_nothing_and_the_next_one_finishes(lake: Lake, tmp_path: Path) -> None:
    small_files(lake.root, days=1, files=4)
    before = content(lake)
    script = (
        "import os, sys\n"
        "from smart_logistics.lake import compaction, ledger\n"
        "from smart_logistics.contracts.silver import IOT_TELEMETRY as T\n"
        # Dead between the commit and everything after it, the lock still held.
        "ledger.record = lambda *_: os.kill(os.getpid(), 9)\n"
        "(step,) = compaction.steps(sys.argv[1], T)\n"
        "compaction.apply(sys.argv[1], T, step)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, lake.root], check=False)
    assert done.returncode == -9
    assert content(lake) == before
    small_files(lake.root, days=1, files=1)
    assert maintain(lake)["compacted_files"] == 2
    assert len(content(lake)["silver.iot_telemetry"]) == 500


@pytest.fixture
def upkeep(lake: Lake, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that maintains three tables without a pause."""
    stop = tmp_path / "stop"
    names = [table.full_name for table in (SOURCE_DELETES, IOT_TELEMETRY, ORDERS)]
    words = [sys.executable, "-c", LOOP, lake.root, str(stop), *names]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, stop
        finally:
            stop.touch()
            process.communicate(timeout=60)


def order(number: int, stamp: int, how: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(stamp, UTC)
    told = {"_ingested_at": moment, "_changed_at": moment, "_used_changed_at": moment}
    return {"order_id": f"O{number}", "customer_id": stamp, "is_deleted": False, OPERATION: how, **told}


def test_writers_beside_it_lose_no_row(
    lake: Lake, upkeep: tuple[subprocess.Popen[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, stop = upkeep
    schema = pa.schema([*pa.schema(tables.schema(ORDERS).to_arrow()), (OPERATION, pa.string())])
    fits, rounds = small.fits, 8
    for number in range(1, rounds + 1):
        # In turn from this process and by Spark's own writers.
        monkeypatch.setattr(small, "fits", fits if number % 2 else lambda *_: False)
        append(lake, number, f"k{number:02}")
        new = pa.Table.from_pylist(readings(0, number), schema=pa.schema(tables.schema(IOT_TELEMETRY).to_arrow()))
        lake.append(IOT_TELEMETRY, lake.frame_of(new), number)
        changes = [order(number, number, INSERT), *([order(number - 1, number, UPDATE)] if number > 1 else [])]
        lake.merge(ORDERS, lake.frame_of(pa.Table.from_pylist(changes, schema=schema)), number)
        assert process.poll() is None
    stop.touch()
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert int(told) > rounds
    assert keys(lake) == [f"k{number:02}" for number in range(1, rounds + 1)]
    found_keys = [tuple(r) for r in lake.read(IOT_TELEMETRY).select(*IOT_TELEMETRY.key).collect()]
    assert len(found_keys) == len(set(found_keys)) == 100 * rounds
    found = {r["order_id"]: r["customer_id"] for r in lake.read(ORDERS).collect()}
    assert found == {f"O{n}": min(n + 1, rounds) for n in range(1, rounds + 1)}
    assert all(lake.progress(table) == rounds for table in (SOURCE_DELETES, IOT_TELEMETRY, ORDERS))
