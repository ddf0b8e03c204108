"""Silver and Gold agree with the oracle on hostile sources, whatever the batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.contracts import ALL_TABLES
from smart_logistics.jobs import gold_aggregate, silver_iot, silver_transactional
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import at_hand, small
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import open_table
from tests.oracle.hostile_data import Wave
from tests.oracle.load import Lakehouse
from tests.spark.hostile_lake import Bronze, expected, faults, waves

_JOBS = {
    "silver_transactional": silver_transactional.run,
    "silver_iot": silver_iot.run,
    "gold_aggregate": gold_aggregate.run,
}
_SETTINGS = {"MAX_CLOCK_SKEW_MINUTES": 10, "HOLD_MINUTES": 60}


def run_pipeline(lake: Lake) -> dict[str, Mapping[str, Any]]:
    results = {}
    for name, job in _JOBS.items():
        lake.job = name
        results[name] = job(Context(lake, "run", "", _SETTINGS))
    return results


def load(lake: Lake, everything: Sequence[Wave], *, at_once: bool) -> None:
    bronze = Bronze(lake, everything)
    for wave in everything:
        bronze.add(wave)
        if not at_once:
            run_pipeline(lake)
    if at_once:
        run_pipeline(lake)


def content(lake: Lake) -> dict[str, list[str]]:
    """Return what readers see of Silver and Gold: no columns that serve the pipeline, nor when a row last changed."""
    lakehouse = Lakehouse(Path(lake.root))
    return {
        table.full_name: sorted(
            repr({name: value for name, value in row.items() if not name.startswith("_") and name != "updated_at"})
            for row in lakehouse.read(table.full_name)
        )
        for table in ALL_TABLES
        if table.layer in ("silver", "gold")
    }


def versions(lake: Lake) -> dict[str, int]:
    opened = {table.full_name: open_table(lake.root, table) for table in ALL_TABLES}
    return {name: found.version() for name, found in opened.items() if found is not None}


@pytest.mark.parametrize("seed", [1, 7])
def test_every_table_is_what_the_oracle_says_after_each_wave(lake: Lake, seed: int) -> None:
    everything = waves(seed, 5, readings_per_truck=60, files=24)
    bronze = Bronze(lake, everything)
    for number, wave in enumerate(everything, 1):
        bronze.add(wave)
        run_pipeline(lake)
        wanted = expected(everything[:number], every_batch_was_judged=True)
        assert faults(lake, wanted, noticed_moments=True) == []


@pytest.mark.parametrize("seed", [10])
def test_one_run_gives_what_many_give_and_a_rerun_commits_nothing(
    spark: SparkSession, tmp_path: Path, seed: int
) -> None:
    everything = waves(seed, 4, readings_per_truck=60, files=24)
    once, often = Lake(spark, str(tmp_path / "once"), ""), Lake(spark, str(tmp_path / "often"), "")
    load(once, everything, at_once=True)
    assert faults(once, expected(everything, every_batch_was_judged=False), noticed_moments=True) == []
    load(often, everything, at_once=False)
    assert content(once) == content(often)
    before = content(once), versions(once)
    results = run_pipeline(once)
    assert (content(once), versions(once)) == before
    assert all(result["rows"] == 0 for result in results.values())


def test_many_rows_take_the_way_of_spark_and_agree_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "MOST_ROWS", 0)
    monkeypatch.setattr(at_hand, "MOST_ROWS", 0)
    everything = waves(2, 2, readings_per_truck=60, files=12)
    load(lake, everything, at_once=False)
    assert faults(lake, expected(everything, every_batch_was_judged=True), noticed_moments=True) == []
