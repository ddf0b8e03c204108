"""Thousands of small hostile histories, judged by a handful of runs: whatever falls between the runs, one outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.lake.store import Lake
from tests.oracle.hostile_data import Wave
from tests.oracle.load import Lakehouse
from tests.oracle.small_worlds import TWINS, runs, told, world_of
from tests.spark.hostile_lake import Bronze, ahead, expected, faults
from tests.spark.pipeline import content, read_by_readers, run_pipeline, versions

HISTORIES = range(1, 511)
LEAST_EXAMPLES = 2000

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Worlds:
    """A lake in which every world went its whole way."""

    lake: Lake
    waves: list[Wave]
    results: list[dict[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def worlds(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    lake = Lake(spark, str(tmp_path_factory.mktemp("worlds") / "lakehouse"), "")
    by_run = [[ahead(wave) for wave in waves] for waves in runs(HISTORIES)]
    everything = [wave for waves in by_run for wave in waves]
    bronze = Bronze(lake, everything)
    results = []
    for waves in by_run:
        for wave in waves:
            bronze.add(wave)
        results.append(run_pipeline(lake))
    return Worlds(lake, everything, results)


def test_every_world_is_what_the_oracle_says(worlds: Worlds) -> None:
    wanted = expected(worlds.waves, every_batch_was_judged=False)
    examples = {world_of(row) for rows in wanted.tables.values() for row in rows} - {None}
    assert len(examples) >= LEAST_EXAMPLES
    assert faults(worlds.lake, wanted, noticed_moments=True)[:20] == []


def test_twins_end_alike_whatever_runs_fell_between_their_steps(worlds: Worlds) -> None:
    """Batch invariance; and of every second history the readings came in another order: no flag depends on that."""
    assert len(HISTORIES) * TWINS >= LEAST_EXAMPLES
    for table, rows in read_by_readers(worlds.lake):
        by_world = defaultdict(list)
        for row in rows:
            world = world_of(row)
            if world is not None:
                by_world[world].append(told(row, world, row))
        apart = [
            history
            for history in HISTORIES
            if len({tuple(sorted(by_world[history * TWINS + twin])) for twin in range(TWINS)}) > 1
        ]
        assert by_world, table
        assert apart == [], f"{table}: run steps({apart[0]}, 0..{TWINS - 1}) of tests/oracle/small_worlds.py"


def test_every_history_is_contiguous_with_one_current_version_and_numbers_from_1(worlds: Worlds) -> None:
    histories = defaultdict(list)
    for row in Lakehouse(Path(worlds.lake.root)).read("silver.shipments"):
        histories[row["shipment_id"]].append(row)
    assert sum(len(of) > 2 for of in histories.values()) > LEAST_EXAMPLES / 4
    broken = {name for name, of in histories.items() if not _is_history(sorted(of, key=lambda row: row["version"]))}
    assert broken == set()


def test_a_run_without_news_commits_nothing(worlds: Worlds) -> None:
    before = content(worlds.lake), versions(worlds.lake)
    results = run_pipeline(worlds.lake)
    assert (content(worlds.lake), versions(worlds.lake)) == before
    assert all(result["rows"] == 0 for result in results.values())
    of_runs = [result["rows"] for results in worlds.results for result in results.values()]
    assert min(of_runs) > LEAST_EXAMPLES / 4  # each of the runs before had much to do


def _is_history(of: list[Row]) -> bool:
    numbers = [row["version"] for row in of]
    contiguous = all(one["effective_end_ts"] == other["effective_start_ts"] for one, other in pairwise(of))
    forward = all(row["effective_end_ts"] is None or row["effective_end_ts"] >= row["effective_start_ts"] for row in of)
    different = all(one["status"] != other["status"] for one, other in pairwise(of))
    current = [row["is_current"] for row in of]
    last = [not of[-1]["is_deleted"]]
    ends = (of[-1]["effective_end_ts"] is None) == last[0]
    return (
        numbers == list(range(1, len(of) + 1))
        and contiguous
        and forward
        and different
        and ends
        and current == [False] * (len(of) - 1) + last
    )
