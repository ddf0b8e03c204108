"""Spark's own write of a large batch, killed between its data files, its temporary commit and its commit."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from smart_logistics.failpoints import KILLS
from smart_logistics.lake.small import MOST_ROWS
from tests.faults.kill_recount import held_locks, wrong_files, wrong_logs
from tests.faults.kill_site import Site
from tests.faults.kill_watch import Watch
from tests.oracle import differences, expect
from tests.oracle.hostile_data import Wave
from tests.oracle.load import Lakehouse, misplaced, source_of
from tests.spark.bronze.source import Source

JOB, NIGHT = "bronze_ingest_iot", datetime(2026, 3, 1, tzinfo=UTC)
TABLE = Path("lakehouse/bronze/iot_telemetry")
COMPARED = ("bronze.iot_telemetry", "bronze.processed_files_log")
# What appears, where.
MOMENTS = {
    "data file": (TABLE / "reading_date=2026-03-01", r"part-.*\.parquet"),
    "temporary commit": (TABLE / "_delta_log", r"\.[0-9]{20}\.json\..*\.tmp"),
    "commit": (TABLE / "_delta_log", r"[0-9]{20}\.json"),
}
EVERY = [(moment, kind) for moment in MOMENTS for kind in KILLS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        turn = metafunc.config.getoption("--seed") + datetime.now(UTC).toordinal()
        kills = EVERY if metafunc.config.getoption("--whole-matrix") else [EVERY[turn % len(EVERY)]]
        metafunc.parametrize(("moment", "kind"), kills)


def readings(name: str, count: int) -> Wave:
    """Return a file of so many readings of one day, and a line that is none."""
    lines = [
        json.dumps(
            {"truck_id": "MH12AB1234", "timestamp": f"{NIGHT + n * timedelta(seconds=1):%FT%T}Z", "temperature": 5}
        )
        for n in range(count)
    ]
    return Wave(NIGHT, {}, [(f"iot_telemetry_20260301_000000_{name}.json", "\n".join([*lines, "no record"]).encode())])


def test_a_kill_inside_sparks_write_is_caught_up_with(
    spark: SparkSession, kill_source: Source, kill_jars: Path, tmp_path: Path, moment: str, kind: str
) -> None:
    kill_source.reset()
    site = Site(tmp_path / "site", kill_source, spark, kill_jars)
    site.receive(readings("few", 3))
    site.run(JOB)
    site.receive(readings("many", MOST_ROWS + 500))
    folder, name = MOMENTS[moment]
    with closing(Watch(site.home / folder, name)) as watch, site.submitted(JOB) as processes:
        assert watch.wait(300) is not None, processes.text[-3000:]
        assert processes.kill(kind)
        assert processes.wait() != 0
        processes.seconds_until_gone()
    assert held_locks(site) == []
    site.run(JOB)
    lakehouse = Lakehouse(site.lakehouse)
    assert [*wrong_logs(site.lakehouse), *wrong_files(site, lakehouse), *misplaced(lakehouse, site.home)] == []
    assert differences(expect(source_of(lakehouse, site.home)), lakehouse.read, COMPARED) == []
