"""Silver and Gold agree with the oracle on hostile files and rows of one company; test_small_worlds has the breadth."""

from __future__ import annotations

import pytest

from smart_logistics.lake import at_hand, small
from smart_logistics.lake.store import Lake
from tests.spark.hostile_lake import Bronze, expected, faults, waves
from tests.spark.pipeline import content, run_pipeline, versions


def test_every_table_is_what_the_oracle_says_after_each_wave(lake: Lake) -> None:
    everything = waves(7, 3, readings_per_truck=60, files=40)
    bronze = Bronze(lake, everything)
    for number, wave in enumerate(everything, 1):
        bronze.add(wave)
        run_pipeline(lake)
        wanted = expected(everything[:number], every_batch_was_judged=True)
        assert faults(lake, wanted, noticed_moments=True) == []


def test_many_waves_at_once_agree_and_a_rerun_commits_nothing(lake: Lake) -> None:
    everything = waves(10, 5, readings_per_truck=60, files=40)
    bronze = Bronze(lake, everything)
    for wave in everything:
        bronze.add(wave)
    run_pipeline(lake)
    assert faults(lake, expected(everything, every_batch_was_judged=False), noticed_moments=True) == []
    before = content(lake), versions(lake)
    results = run_pipeline(lake)
    assert (content(lake), versions(lake)) == before
    assert all(result["rows"] == 0 for result in results.values())


def test_many_rows_take_the_way_of_spark_and_agree_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "MOST_ROWS", 0)
    monkeypatch.setattr(at_hand, "MOST_ROWS", 0)
    everything = waves(2, 2, readings_per_truck=60, files=12)
    bronze = Bronze(lake, everything)
    for wave in everything:
        bronze.add(wave)
        run_pipeline(lake)
    assert faults(lake, expected(everything, every_batch_was_judged=True), noticed_moments=True) == []
