"""The job on real Delta tables: what is judged again, what is left alone, and what happens when it dies half-way."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts import silver
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.jobs import gold_aggregate, silver_iot, silver_transactional
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import at_hand, small
from smart_logistics.lake import reading as reading_tables
from smart_logistics.lake.store import Lake
from tests.spark.silver.builders import PARENTS, at, extract, land, lose, reading, row

_SILVER = {"silver_transactional": silver_transactional.run, "silver_iot": silver_iot.run}


def run(lake: Lake, hold: int = 60) -> dict[str, Any]:
    for lake.job, job in _SILVER.items():
        job(Context(lake, "run", "", {"MAX_CLOCK_SKEW_MINUTES": 10}))
    lake.job = "gold_aggregate"
    return dict(gold_aggregate.run(Context(lake, "run", "", {"HOLD_MINUTES": hold})))


def dies_before(fatal: Table, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, and die before anything is committed to ``fatal``."""
    merge = Lake.merge

    def fail(self: Lake, table: Table, *args: Any, **kwargs: Any) -> int:
        if table is fatal:
            raise RuntimeError("killed")
        return merge(self, table, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "merge", fail)
        with pytest.raises(RuntimeError, match="killed"):
            run(lake)


def rows(lake: Lake, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(one) for one in lake.read(table).select(*columns).collect())


def analytics(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    return rows(lake, SHIPMENT_ANALYTICS, "shipment_id", *columns)


def excursions(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    return rows(lake, TEMPERATURE_EXCURSIONS, "shipment_id", "excursion_no", *columns)


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """Two shipments on two trucks; the first has an excursion of 40 minutes, 3 °C beyond its limit."""
    extract(
        lake,
        **{name: [row(name)] for name in PARENTS if name != "vehicles"},
        vehicles=[row("vehicles"), row("vehicles", vehicle_id=2, license_plate="KA05XY0001")],
        orders=[row("orders")],
        shipments=[row("shipments"), row("shipments", shipment_id="S2")],
        truck_assignments=[
            row("truck_assignments", assignment_end_time=at(600)),
            row("truck_assignments", assignment_id=2, shipment_id="S2", vehicle_id=2, assignment_end_time=at(600)),
        ],
    )
    temperatures = [5.0, 10.0, 11.0, 5.0]
    land(
        lake,
        *(reading(20 * n, temperature=t, position=n + 1) for n, t in enumerate(temperatures)),
        *(reading(20 * n, truck_id="KA05XY0001", position=n + 11) for n in range(4)),
    )
    run(lake)
    return lake


def test_an_excursion_is_told_with_its_peak_and_a_rerun_changes_nothing(lake: Lake) -> None:
    assert excursions(lake, "minutes", "peak_temperature", "peak_deviation", "severity") == [
        ("S1", 1, 40.0, 11.0, 3.0, "Major")
    ]
    assert analytics(lake, "reading_count", "excursion_count", "alert_severity", "origin_city") == [
        ("S1", 4, 1, "Major", "Pune"),
        ("S2", 4, 0, "None", "Pune"),
    ]
    before = analytics(lake, "updated_at")
    assert run(lake) == {"rows": 0, "shipments": 0, "excursions": 0}
    assert analytics(lake, "updated_at") == before


def test_only_the_shipments_that_something_new_concerns_are_judged_again(lake: Lake) -> None:
    before = dict(analytics(lake, "updated_at"))
    land(lake, reading(70, temperature=6.0, source_file="iot_telemetry_20261101_010000_b.json"))
    # A reading that no assignment covers, and columns of parents that Gold does not use.
    land(lake, reading(700, truck_id="KA05XY0001", source_file="iot_telemetry_20261101_010000_c.json"))
    extract(
        lake,
        orders=[row("orders", status="Paid")],
        vehicles=[row("vehicles", vehicle_id=2, license_plate="KA05XY0001", status="Idle")],
    )
    assert run(lake) == {"rows": 1, "shipments": 1, "excursions": 1}
    after = dict(analytics(lake, "updated_at"))
    assert after["S2"] == before["S2"]
    assert after["S1"] > before["S1"]
    extract(lake, warehouses=[row("warehouses", city="Thane")])
    assert run(lake)["shipments"] == 2
    assert analytics(lake, "origin_city") == [("S1", "Thane"), ("S2", "Thane")]


def test_a_changed_threshold_judges_every_shipment_of_the_type_and_excursions_vanish(lake: Lake) -> None:
    extract(lake, shipment_types=[row("shipment_types", max_temperature=Decimal("11.00"))])
    assert run(lake)["rows"] == 3
    assert excursions(lake) == []
    assert analytics(lake, "max_threshold", "alert_severity") == [("S1", 11.0, "None"), ("S2", 11.0, "None")]


def test_readings_follow_the_current_plate_of_the_vehicle(lake: Lake) -> None:
    extract(lake, vehicles=[row("vehicles", license_plate=" ka05xy0001 ")])
    run(lake)
    assert analytics(lake, "truck_ids", "violation_count") == [("S1", ["KA05XY0001"], 0), ("S2", ["KA05XY0001"], 0)]
    assert excursions(lake) == []


def test_a_moved_month_leaves_nothing_behind_and_a_deleted_shipment_goes(lake: Lake) -> None:
    extract(lake, shipments=[row("shipments", created_at=at(-60 * 24 * 3))])
    run(lake)
    assert analytics(lake, "year", "month") == [("S1", 2026, 10), ("S2", 2026, 11)]
    assert excursions(lake, "month") == [("S1", 1, 10)]
    lose(lake, "shipments", "S1")
    run(lake)
    assert analytics(lake) == [("S2",)]
    assert excursions(lake) == []


def test_another_hold_judges_everything_again_and_so_does_the_way_back(lake: Lake) -> None:
    assert run(lake, hold=10)["shipments"] == 2
    assert excursions(lake, "minutes") == [("S1", 1, 20.0)]
    assert run(lake, hold=60)["shipments"] == 2
    assert excursions(lake, "minutes") == [("S1", 1, 40.0)]


def test_no_reading_is_read_again_once_gold_is_written_to(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark forgets what it keeps of a table that it writes to, and would begin again with the readings."""
    without_gold = Lake(lake.spark, str(tmp_path / "without-gold"), "tests")
    for layer in ("bronze", "silver"):
        shutil.copytree(Path(lake.root) / layer, Path(without_gold.root) / layer)
    for module in (small, at_hand):
        monkeypatch.setattr(module, "MOST_ROWS", 0)
    monkeypatch.setattr(reading_tables, "_MOST_LITERAL_KEYS", 0)
    merge = Lake.merge

    def lose_readings(self: Lake, table: Table, *args: Any, **kwargs: Any) -> int:
        count = merge(self, table, *args, **kwargs)
        if table is TEMPERATURE_EXCURSIONS:
            for uri in DeltaTable(self.path(silver.IOT_TELEMETRY)).file_uris():
                Path(uri).write_bytes(b"no parquet")
        return count

    monkeypatch.setattr(Lake, "merge", lose_readings)
    assert run(without_gold) == {"rows": 3, "shipments": 2, "excursions": 1}
    assert excursions(without_gold, "minutes") == [("S1", 1, 40.0)]


def test_a_death_between_the_two_commits_is_made_good_by_the_next_run(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, reading(30, temperature=20.0, source_file="iot_telemetry_20261101_010000_b.json"))
    dies_before(SHIPMENT_ANALYTICS, lake, monkeypatch)
    assert run(lake) == {"rows": 1, "shipments": 1, "excursions": 1}
    assert analytics(lake, "max_deviation")[0] == ("S1", 12.0)
    assert excursions(lake, "peak_deviation") == [("S1", 1, 12.0)]


def test_readings_of_other_days_are_not_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    rows_of = Lake.rows

    def spy(self: Lake, table: Table, where: Any) -> Any:
        if table is silver.IOT_TELEMETRY:
            asked.append(where)
        return rows_of(self, table, where)

    land(lake, reading(50, temperature=6.0, source_file="iot_telemetry_20261101_010000_b.json"))
    monkeypatch.setattr(Lake, "rows", spy)
    run(lake)
    day = date(2026, 11, 1)
    assert [[("reading_date", ">=", day), ("reading_date", "<=", day)]] in asked
    assert all(conditions for where in asked for conditions in where), "a read without a condition"
