"""A layer made again: nothing changes on a sound lakehouse, damage is mended, rules that changed are followed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from smart_logistics.contracts import gold, silver
from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.model import Table
from smart_logistics.jobs import full_audit
from smart_logistics.jobs.planned import PlannedLake
from smart_logistics.jobs.request import DRY_RUN, FROM_DAY, REFRESH, TO_DAY, Request
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from tests.spark.pipeline import content, run_pipeline, versions
from tests.spark.quality import lakes
from tests.spark.quality.silent import SILENT, rewrite
from tests.spark.silver.builders import at, reading

EVERYTHING = {REFRESH: "silver and gold"}
# By it every reading of the lakehouse is ahead of its time.
_STRICT = -60 * 24 * 365 * 5
_FIRST, _LATER = at(0), at(60 * 24 * 5)


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Silver and Gold made by the jobs of a small Bronze, with readings of two days that lie apart."""
    root = tmp_path_factory.mktemp("made") / "lakehouse"
    lakes.only_bronze(root)
    lake = lakes.lake_of(spark, root, "")
    later = [reading(60 * 24 * 5), reading(60 * 24 * 5 + 10, temperature=3.0)]
    lakes.land(lake, later, file="iot_telemetry_20261106_000000_b.json")
    run_pipeline(lake)
    return lake


@pytest.fixture(autouse=True)
def sound(made: Lake) -> Iterator[None]:
    """What a test leaves is what it found."""
    before = content(made)
    yield
    assert content(made) == before


def dry(lake: Lake, **given: str) -> dict[str, dict[str, int]]:
    """Return what a dry run would write, by task, each on a lake of its own as in its own driver."""
    before = versions(lake)
    planned = PlannedLake(lake.spark, lake.root, "")
    told = {}
    for name, result in run_pipeline(planned, Request.of({**given, DRY_RUN: "true"})).items():
        assert result["dry_run"] is True
        told[name] = dict(result["would_write"])
    assert versions(lake) == before, "a dry run wrote"
    return told


def audited(lake: Lake) -> Any:
    lake.job = "full_audit"
    return full_audit.run(Context(lake, "audit", "", {"HOLD_MINUTES": 60}))["verdict"]


def letters(lake: Lake) -> dict[str, tuple[str, str]]:
    """Return the reason and status of Silver's letters of readings."""
    rows = rows_of(lake, REJECTED_RECORDS)
    return {
        row["source_key"]: (row["rejection_reason"], row["reprocessing_status"])
        for row in rows
        if row["layer"] == "silver" and row["source_table"] == "iot_telemetry"
    }


def readings_held(lake: Lake) -> set[datetime]:
    return {row["event_ts"] for row in rows_of(lake, silver.IOT_TELEMETRY)}


def rows_of(lake: Lake, table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DeltaTable(tables.uri(lake.root, table)).to_pyarrow_table().to_pylist()
    return found


def test_a_sound_lake_changes_no_row_when_it_is_made_again(made: Lake) -> None:
    before = {name: rows for name, rows in versions(made).items() if not name.startswith("gold.")}
    plan = dry(made, **EVERYTHING)
    assert plan == {"silver_transactional": {}, "silver_iot": {}, "gold_aggregate": {}}
    results = run_pipeline(made, Request.of(EVERYTHING))
    assert [results[name]["rows"] for name in ("silver_transactional", "silver_iot")] == [0, 0]
    assert results["gold_aggregate"]["rows"] == 0
    assert {name: made_now for name, made_now in versions(made).items() if not name.startswith("gold.")} == before


def test_damage_is_planned_and_mended(made: Lake) -> None:
    for table, where, values, _ in SILENT:
        rewrite(made, table, where, values)
    rewrite(made, silver.WAREHOUSES, {"warehouse_id": 1}, None)
    rewrite(made, silver.IOT_TELEMETRY, {"event_ts": _LATER}, None)
    rewrite(made, gold.TEMPERATURE_EXCURSIONS, {"shipment_id": "S1"}, None)
    plan = dry(made, **EVERYTHING)
    assert plan["silver_transactional"] == {"silver.customers": 1, "silver.warehouses": 1, "silver.shipments": 1}
    assert plan["silver_iot"] == {"silver.iot_telemetry": 2}
    assert {"gold.temperature_excursions", "gold.shipment_analytics"} <= set(plan["gold_aggregate"])
    run_pipeline(made, Request.of(EVERYTHING))
    assert audited(made) == "pass"


def test_what_nothing_below_supports_is_removed(made: Lake) -> None:
    ghost = lakes.silver_row(silver.CUSTOMERS, made.new_stamp(), customer_id=99)
    tables.append_rows(made.root, silver.CUSTOMERS, [ghost], app="nobody", stamp=1)
    answer = lakes.analytics("S9", made.new_stamp())
    tables.append_rows(made.root, gold.SHIPMENT_ANALYTICS, [answer], app="nobody", stamp=1)
    run_pipeline(made, Request.of(EVERYTHING))


def test_a_window_mends_its_days_and_leaves_the_others(made: Lake) -> None:
    rewrite(made, silver.IOT_TELEMETRY, {"event_ts": _FIRST}, {"temperature": 6.5})
    rewrite(made, silver.IOT_TELEMETRY, {"event_ts": _LATER}, {"temperature": 6.5})
    rewrite(made, gold.SHIPMENT_ANALYTICS, {"shipment_id": "S1"}, {"mean_kinetic_temperature": 1.0})
    days = {FROM_DAY: str(_FIRST.date()), TO_DAY: str((_FIRST + timedelta(days=1)).date())}
    run_pipeline(made, Request.of({**EVERYTHING, **days}))
    rows = rows_of(made, silver.IOT_TELEMETRY)
    assert {row["event_ts"]: row["temperature"] for row in rows if row["event_ts"] in (_FIRST, _LATER)} == {
        _FIRST: 5.0,
        _LATER: 6.5,
    }
    assert 1.0 not in [row["mean_kinetic_temperature"] for row in rows_of(made, gold.SHIPMENT_ANALYTICS)]
    run_pipeline(made, Request.of({REFRESH: "silver", FROM_DAY: str(_LATER.date())}))


def test_a_rule_that_changed_is_followed_and_what_a_person_discarded_stays_out(made: Lake) -> None:
    before = letters(made)
    run_pipeline(made, Request.of(EVERYTHING), MAX_CLOCK_SKEW_MINUTES=_STRICT)
    assert readings_held(made) == set()
    rejected = letters(made)
    new = rejected.keys() - before.keys()
    assert {rejected[key] for key in new} == {("BUSINESS_RULE_VIOLATION", "PENDING")}
    # What had a letter before keeps it, and gets no second one.
    assert {key: rejected[key] for key in before} == before

    (discarded,) = [key for key in new if key.endswith("b.json:1")]
    by_hand = {"reprocessing_status": "DISCARDED", "rejection_detail": "ahead; discarded (asha: no)"}
    rewrite(made, REJECTED_RECORDS, {"source_key": discarded}, by_hand)
    run_pipeline(made, Request.of(EVERYTHING))
    assert {letters(made)[key][1] for key in new - {discarded}} == {"REPROCESSED"}
    assert _LATER not in readings_held(made)
    assert audited(made) == "pass"

    rewrite(made, REJECTED_RECORDS, {"source_key": discarded}, {"reprocessing_status": "PENDING"})
    run_pipeline(made, Request.of(EVERYTHING))
    assert _LATER in readings_held(made)


def test_a_dry_run_on_a_lakehouse_without_tables_makes_none(spark: SparkSession, tmp_path: Path) -> None:
    lake = PlannedLake(spark, str(tmp_path / "lakehouse"), "")
    results = run_pipeline(lake, Request.of({DRY_RUN: "true"}))
    assert {name: result["would_write"] for name, result in results.items()} == {name: {} for name in results}
    assert versions(lake) == {}
