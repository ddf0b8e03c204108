"""The figures by day: what each counts, which days are computed again, what becomes of those where nothing is left."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from smart_logistics.contracts import silver
from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY, SHIPMENT_ANALYTICS, TABLES
from smart_logistics.contracts.model import Table
from smart_logistics.gold.windows import on_days
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import open_table
from tests.spark.gold.test_gold_aggregate import dies_before, rows, run
from tests.spark.silver.builders import PARENTS, T0, at, extract, land, lose, reading, row

DAY = T0.date()
NEXT = DAY + timedelta(days=1)
ONE, TWO = "MH12AB1234", "KA05XY0001"
LATER = "iot_telemetry_20261103_010000_b.json"


def fleet(lake: Lake, *columns: str) -> dict[tuple[str, date], tuple[Any, ...]]:
    return {one[:2]: one[2:] for one in rows(lake, FLEET_DAILY, "truck_id", "day", *columns)}


def routes(lake: Lake, *columns: str) -> dict[tuple[str, str, date], tuple[Any, ...]]:
    found = lake.read(ROUTE_DAILY).select("origin_city", "destination_city", "day", *columns).collect()
    return {tuple(one)[:3]: tuple(one)[3:] for one in found}


def versions(lake: Lake) -> list[int]:
    opened = [open_table(lake.root, table) for table in TABLES]
    return [found.version() for found in opened if found is not None]


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """S1 goes with truck one, then two, is warm around midnight and late; S2 goes with truck two and is never there."""
    late = {"expected_delivery_at": at(1500), "actual_delivery_at": at(1530)}
    extract(
        lake,
        **{name: [row(name)] for name in PARENTS if name != "vehicles"},
        vehicles=[row("vehicles"), row("vehicles", vehicle_id=2, license_plate=TWO)],
        orders=[row("orders")],
        shipments=[
            row("shipments", destination_city="Leh", **late),
            row("shipments", shipment_id="S2", destination_city="Leh"),
        ],
        truck_assignments=[
            row("truck_assignments", assignment_end_time=at(1500)),
            row(
                "truck_assignments",
                assignment_id=2,
                vehicle_id=2,
                assignment_start_time=at(1500),
                assignment_end_time=at(1600),
            ),
            row("truck_assignments", assignment_id=3, shipment_id="S2", vehicle_id=2, assignment_end_time=at(60)),
        ],
    )
    celsius = {1380: 5.0, 1410: 10.0, 1430: 99.0, 1470: 12.0, 1480: 5.0}  # 99 °C is an outlier
    land(lake, *(reading(minute, temperature=t, position=minute) for minute, t in celsius.items()))
    run(lake)
    return lake


def test_each_figure_counts_for_the_truck_and_day_that_its_declaration_says(lake: Lake) -> None:
    told = ("shipments", "reading_count", "outlier_count", "covered_minutes", "deliveries", "on_time_deliveries")
    assert fleet(lake, *told, "delay_minutes") == {
        (ONE, DAY): (1, 3, 1, 30.0, 0, 0, 0.0),  # the hold of 23:30 ends with the day's readings
        (ONE, NEXT): (0, 2, 0, 10.0, 0, 0, 0.0),
        (TWO, DAY): (1, 0, 0, 0.0, 0, 0, 0.0),
        (TWO, NEXT): (0, 0, 0, 0.0, 1, 0, 30.0),
    }
    of_excursions = ("excursion_count", "excursion_minutes", "major_excursions", "critical_excursions", "max_deviation")
    found = fleet(lake, *of_excursions)
    assert found[ONE, DAY] == (1, 70.0, 0, 1, 4.0)  # longer than the hour that the type allows
    assert found[ONE, NEXT] == (0, 0.0, 0, 0, None)
    assert routes(lake, "shipments", "deliveries", "delay_minutes", "excursion_count", "critical_alerts") == {
        ("Pune", "Leh", DAY): (2, 1, 30.0, 1, 1)
    }


def test_without_news_nothing_is_committed_and_a_day_of_which_nothing_changed_stays(lake: Lake) -> None:
    before, changed_at = versions(lake), fleet(lake, "updated_at")
    run(lake)
    assert versions(lake) == before
    land(lake, reading(1490, temperature=5.0, source_file=LATER), reading(3000, truck_id="ZZ1", source_file=LATER))
    run(lake)
    assert fleet(lake, "reading_count", "covered_minutes")[ONE, NEXT] == (3, 20.0)
    assert fleet(lake, "shipments", "reading_count")["ZZ1", DAY + timedelta(days=2)] == (0, 1)  # that carries nothing
    after = fleet(lake, "updated_at")
    assert {key for key in changed_at if changed_at[key] != after[key]} == {(ONE, NEXT)}


def test_what_moves_to_another_day_truck_or_route_leaves_its_old_ones(lake: Lake) -> None:
    extract(
        lake,
        shipments=[
            row("shipments", destination_city="Goa", actual_delivery_at=at(1400), expected_delivery_at=at(1500))
        ],
        truck_assignments=[
            row("truck_assignments", assignment_id=3, shipment_id="S2", assignment_start_time=at(3000)),
        ],
    )
    run(lake)
    assert set(routes(lake)) == {("Pune", "Goa", DAY), ("Pune", "Leh", DAY)}
    assert routes(lake, "shipments", "on_time_deliveries", "delay_minutes")["Pune", "Goa", DAY] == (1, 1, -100.0)
    told = fleet(lake, "shipments", "deliveries", "on_time_deliveries")
    third = (ONE, DAY + timedelta(days=2))
    assert {key: told[key] for key in told if key != (ONE, NEXT)} == {
        (ONE, DAY): (1, 0, 0),
        (TWO, DAY): (0, 1, 1),
        third: (1, 0, 0),
    }
    lose(lake, "shipments", "S1", "S2")
    run(lake)
    assert routes(lake) == {}
    assert fleet(lake, "shipments", "excursion_count") == {(ONE, DAY): (0, 0), (ONE, NEXT): (0, 0)}


def test_what_was_is_taken_out_though_a_run_ends_before_the_shipments_are_merged(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(lake, shipments=[row("shipments", destination_city="Goa")])

    dies_before(ROUTE_DAILY, lake, monkeypatch)
    dies_before(SHIPMENT_ANALYTICS, lake, monkeypatch)
    extract(lake, shipments=[row("shipments", destination_city="Puri")])
    run(lake)
    assert routes(lake, "shipments", "deliveries") == {("Pune", "Leh", DAY): (1, 0), ("Pune", "Puri", DAY): (1, 0)}
    assert (TWO, NEXT) not in fleet(lake)


def test_another_hold_computes_every_day_again(lake: Lake) -> None:
    run(lake, hold=20)
    assert fleet(lake, "covered_minutes", "excursion_minutes")[ONE, DAY] == (20.0, 30.0)


def test_only_the_days_concerned_are_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    rows_of = Lake.rows

    def spy(self: Lake, table: Table, where: Any) -> Any:
        asked.append((table, where))
        return rows_of(self, table, where)

    land(lake, reading(2000, truck_id="ZZ1", source_file=LATER))
    monkeypatch.setattr(Lake, "rows", spy)
    run(lake)
    readings = [where for table, where in asked if table is silver.IOT_TELEMETRY]
    assert ("reading_date", "in", [NEXT]) in readings[-1][0]
    held = [where for table, where in asked if table in TABLES]
    assert held
    assert all(conditions for where in held for conditions in where)


def test_many_days_far_apart_are_one_span() -> None:
    assert len(on_days("at", [DAY, NEXT])) == 1
    apart = [DAY + timedelta(days=2 * n) for n in range(60)]
    assert len(on_days("at", apart)) == 60
    (span,) = on_days("at", [*apart, date(9999, 12, 31)])
    assert [one[2].date() for one in span] == [DAY, date(9999, 12, 31)]
