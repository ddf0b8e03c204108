"""The job on real Delta tables: which records a batch takes, and which of two that say the same stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pyspark.sql import DataFrame

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.jobs import silver_iot
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import at_hand, small
from smart_logistics.lake.store import Lake
from tests.spark.silver.builders import land, reading

A_DAY = 24 * 60


def run(lake: Lake) -> Mapping[str, object]:
    lake.job = "silver_iot"
    return silver_iot.run(Context(lake, "r", "", {"MAX_CLOCK_SKEW_MINUTES": 10}))


@pytest.mark.parametrize("most_rows", [20_000, 0], ids=["few rows", "the way of Spark"])
def test_what_comes_to_bronze_while_a_batch_is_judged_is_the_next_ones(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    """Many records are read twice: the second time by dates that the first one found."""
    monkeypatch.setattr(small, "MOST_ROWS", most_rows)
    monkeypatch.setattr(at_hand, "MOST_ROWS", most_rows)
    extent = silver_iot._extent

    def another_comes(judged: DataFrame) -> Any:
        found = extent(judged)
        land(lake, reading(A_DAY, source_file="iot_telemetry_20261102_000000_b.json"))
        return found

    land(lake, reading(0), reading(0, position=2, temperature=9.0))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(silver_iot, "_extent", another_comes)
        assert run(lake) == {"read": 2, "rows": 1, "rejected": 1, "flags_changed": 0}
    assert run(lake) == {"read": 1, "rows": 1, "rejected": 0, "flags_changed": 0}
    assert sorted(row["temperature"] for row in lake.read(silver_iot.TARGET).collect()) == [5.0, 5.0]


@pytest.mark.parametrize("most_rows", [20_000, 0], ids=["few rows", "the way of Spark"])
def test_a_repeat_is_a_letter_with_its_text(lake: Lake, monkeypatch: pytest.MonkeyPatch, most_rows: int) -> None:
    monkeypatch.setattr(small, "MOST_ROWS", most_rows)
    monkeypatch.setattr(at_hand, "MOST_ROWS", most_rows)
    land(lake, reading(0, raw_payload="first"), reading(0, position=2, raw_payload="second"))
    run(lake)
    letters = lake.read(REJECTED_RECORDS).select("rejection_reason", "raw_payload").collect()
    assert [tuple(letter) for letter in letters] == [("DUPLICATE_DETECTED", "second")]
