"""The sample fleet, wave by wave or all at once: the same Silver and Gold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.fleet.plan import LAST_WAVE
from smart_logistics.fleet.seeding import Wanted, seed
from smart_logistics.jobs import bronze_ingest_iot, bronze_ingest_sql
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.store import Lake
from tests.postgres import running
from tests.spark.pipeline import content, run_pipeline

NOW = datetime.fromisoformat("2026-11-24T15:20:00+00:00")
_EXTRACTION = {"DELETE_CHECK_HOURS": 24, "MAX_DELETE_PERCENT": 20, "FULL_READ": 0}


@pytest.fixture
def dsn(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running() as server:
        address = server.new_database("fleet")
        monkeypatch.setenv("LOGISTICS_SOURCE_DSN", address)
        yield address


class Site:
    """A lakehouse and a landing folder of its own, beside a source that others read, too."""

    def __init__(self, spark: SparkSession, home: Path) -> None:
        self.landing = home / "landing"
        self.landing.mkdir(parents=True)
        self.lake = Lake(spark, str(home / "lakehouse"), "")

    def run(self) -> dict[str, Mapping[str, Any]]:
        self.lake.job = "bronze_ingest_sql"
        rows = bronze_ingest_sql.run(Context(self.lake, "run", "", _EXTRACTION))
        self.lake.job = "bronze_ingest_iot"
        records = bronze_ingest_iot.run(Context(self.lake, "run", str(self.landing), {"SETTLE_SECONDS": 0}))
        return {"bronze_ingest_sql": rows, "bronze_ingest_iot": records} | run_pipeline(self.lake)


def test_the_waves_in_one_run_or_in_three_give_the_same_rows(spark: SparkSession, tmp_path: Path, dsn: str) -> None:
    often, once = Site(spark, tmp_path / "often"), Site(spark, tmp_path / "once")
    for wave in range(1, LAST_WAVE + 1):
        seed(dsn, often.landing, Wanted(wave=wave), now=NOW)
        shutil.copytree(often.landing, once.landing, dirs_exist_ok=True)
        often.run()
    told = once.run()
    found = content(once.lake)
    assert len(found["gold.shipment_analytics"]) > 90
    assert all(found[name] for name in ("gold.temperature_excursions", "gold.fleet_daily", "gold.route_daily"))
    assert found == content(often.lake)
    assert_each_layer_took_up_what_the_one_before_it_wrote(told)


def assert_each_layer_took_up_what_the_one_before_it_wrote(told: Mapping[str, Mapping[str, Any]]) -> None:
    for bronze, silver in (("bronze_ingest_sql", "silver_transactional"), ("bronze_ingest_iot", "silver_iot")):
        assert told[silver]["read"] == told[bronze]["rows"] > 0
    for job in ("bronze_ingest_iot", "silver_iot"):
        # Each record ends in one place.
        assert told[job]["read"] == told[job]["rows"] + told[job]["rejected"]
        assert told[job]["rejected"] > 0
    assert told["bronze_ingest_sql"]["read"] == told["bronze_ingest_sql"]["rows"]
