"""The figures of trucks and routes: sums over days, rates over sums, and what is shown where nothing is known."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY, SHIPMENT_ANALYTICS
from smart_logistics.lake import tables
from smart_logistics.views import fleet
from smart_logistics.views.fleet import Period
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views.lake import START, alert, gold_row, put

DAY = date(2026, 11, 2)
A_WEEK = Period(DAY, DAY + timedelta(days=6))


def truck_day(truck: str, day: date, **given: Any) -> dict[str, Any]:
    zeros = {c.name: 0.0 if c.type == "double" else 0 for c in FLEET_DAILY.columns if c.type in ("bigint", "double")}
    minutes = given.get("excursion_minutes", 0.0)
    warm = {"excursion_count": 1, "major_excursions": 1, "max_deviation": minutes / 10} if minutes else {}
    place = {"truck_id": truck, "day": day, "year": day.year, "month": day.month, "updated_at": START}
    return zeros | {"max_deviation": None, "reading_count": 10} | warm | place | given


def route_day(origin: str | None, destination: str, day: date, **given: Any) -> dict[str, Any]:
    zeros = {c.name: 0.0 if c.type == "double" else 0 for c in ROUTE_DAILY.columns if c.type in ("bigint", "double")}
    place = {"day": day, "year": day.year, "month": day.month, "updated_at": START}
    return zeros | {"origin_city": origin, "destination_city": destination, "shipments": 1} | place | given


@pytest.fixture
def lakehouse(tmp_path: Path) -> str:
    root = str(tmp_path)
    put(
        root,
        FLEET_DAILY,
        [
            truck_day("KA01", DAY, deliveries=3, on_time_deliveries=3, delay_minutes=-30.0),
            truck_day("KA01", DAY + timedelta(days=2), deliveries=1, delay_minutes=50.0, excursion_minutes=20.0),
            truck_day("MH02", DAY, excursion_minutes=90.0, shipments=2),
            truck_day("MH02", DAY - timedelta(days=1), excursion_minutes=500.0),
            truck_day("DL03", DAY + timedelta(days=6)),
        ],
    )
    put(
        root,
        ROUTE_DAILY,
        [
            route_day("Pune", "Leh", DAY, deliveries=1, on_time_deliveries=1),
            route_day("Pune", "Leh", DAY + timedelta(days=1), shipments=3, deliveries=3, delay_minutes=60.0),
            route_day(None, "Goa", DAY, excursion_count=2, excursion_minutes=40.0, critical_alerts=1),
            route_day("Pune", "Agra", DAY + timedelta(days=30)),
        ],
    )
    return root


def test_a_rate_is_taken_of_the_sums_and_not_of_the_days_rates(lakehouse: str) -> None:
    found = fleet.fleet(Snapshot(lakehouse), A_WEEK)
    assert (found.total["deliveries"], found.total["on_time_rate"], found.total["average_delay"]) == (4, 0.75, 5.0)
    assert (found.total["trucks"], found.total["reading_count"], found.total["max_deviation"]) == (3, 40, 9.0)


def test_every_day_has_a_row_and_one_without_deliveries_no_rate(lakehouse: str) -> None:
    days = fleet.fleet(Snapshot(lakehouse), A_WEEK).days
    assert [row["day"] for row in days] == A_WEEK.days
    assert [row["on_time_rate"] for row in days] == [1.0, None, 0.0, None, None, None, None]
    # No truck reported on most of them: that there was no excursion is not known.
    assert [row["excursion_minutes"] for row in days] == [90.0, None, 20.0, None, None, None, 0.0]
    assert [row["critical_excursions"] for row in days] == [0, None, 0, None, None, None, 0]
    assert {*days[0]} == {*days[1]}


def test_a_delivery_without_readings_says_nothing_of_excursions(tmp_path: Path) -> None:
    rows = [truck_day("KA01", DAY, deliveries=1, reading_count=0), truck_day("KA01", DAY + timedelta(days=1))]
    put(str(tmp_path), FLEET_DAILY, rows)
    found = fleet.fleet(Snapshot(str(tmp_path)), Period(DAY, DAY + timedelta(days=1)))
    assert [(row["deliveries"], row["excursion_count"]) for row in found.days] == [(1, None), (0, 0)]


def test_the_worst_truck_is_first_and_one_without_an_excursion_is_not_among_them(lakehouse: str) -> None:
    found = fleet.fleet(Snapshot(lakehouse), A_WEEK)
    assert [(row["truck_id"], row["excursion_minutes"]) for row in found.worst] == [("MH02", 90.0), ("KA01", 20.0)]
    assert [(row["truck_id"], row["days"]) for row in found.trucks] == [("MH02", 1), ("KA01", 2), ("DL03", 1)]


def test_a_part_of_a_plate_chooses_trucks(lakehouse: str) -> None:
    found = fleet.fleet(Snapshot(lakehouse), A_WEEK, truck=" ka ")
    assert [row["truck_id"] for row in found.trucks] == ["KA01"]
    assert found.total["excursion_minutes"] == 20.0
    assert fleet.fleet(Snapshot(lakehouse), A_WEEK, truck="(.*").trucks == []


def test_routes_are_added_up_too_and_a_city_that_is_unknown_is_one(lakehouse: str) -> None:
    found = fleet.routes(Snapshot(lakehouse), A_WEEK)
    assert [(row["origin_city"], row["destination_city"]) for row in found] == [("Pune", "Leh"), (None, "Goa")]
    assert (found[0]["shipments"], found[0]["on_time_rate"], found[0]["average_delay"]) == (4, 0.25, 15.0)
    assert (found[1]["on_time_rate"], found[1]["critical_alerts"]) == (None, 1)


def test_types_are_counted_of_the_shipments_created_in_the_days(tmp_path: Path) -> None:
    root, noon = str(tmp_path), START
    late = {"is_on_time": False, "delivery_delay_minutes": 90.0}
    rows = [
        alert("A", "Critical", 90.0, created_at=noon, shipment_type="Frozen", **late),
        alert("B", "Minor", 10.0, created_at=noon, shipment_type="Frozen"),
        gold_row("C", created_at=noon, shipment_type="Ambient", is_on_time=True, delivery_delay_minutes=-30.0),
        gold_row("D", created_at=noon + timedelta(days=7), shipment_type="Ambient"),
        gold_row("E", created_at=noon - timedelta(days=1), shipment_type="Frozen"),
    ]
    for month in (10, 11):
        put(root, SHIPMENT_ANALYTICS, [row for row in rows if row["month"] == month])
    frozen, ambient = fleet.types(Snapshot(root), A_WEEK)
    names = ("shipment_type", "shipments", "alerts", "critical_alerts", "major_alerts", "minor_alerts")
    assert [frozen[name] for name in names] == ["Frozen", 2, 2, 1, 0, 1]
    assert (frozen["deliveries"], frozen["on_time_rate"], frozen["excursion_minutes"]) == (1, 0.0, 100.0)
    assert (ambient["shipments"], ambient["alerts"], ambient["average_delay"]) == (1, 0, -30.0)


def test_the_period_is_four_weeks_up_to_the_newest_day_unless_another_is_asked_for(lakehouse: str) -> None:
    found = Snapshot(lakehouse)
    newest = DAY + timedelta(days=6)
    assert fleet.period(found, None, None) == Period(newest - timedelta(days=27), newest)
    assert fleet.period(found, newest, DAY) == Period(DAY, newest)
    assert len(fleet.period(found, date.min, date.max).days) == fleet.MOST_DAYS
    assert fleet.period(found, None, date.min) == Period(date.min, date.min)


def test_a_lakehouse_without_the_tables_is_empty_and_no_error(tmp_path: Path) -> None:
    found = Snapshot(str(tmp_path))
    within = fleet.period(found, None, None)
    shown = fleet.fleet(found, within)
    assert (shown.trucks, shown.worst, fleet.routes(found, within), fleet.types(found, within)) == ([], [], [], [])
    assert (shown.total["deliveries"], shown.total["on_time_rate"]) == (0, None)
    assert len(shown.days) == fleet.DEFAULT_DAYS


def test_files_of_other_months_are_not_opened(lakehouse: str) -> None:
    put(lakehouse, FLEET_DAILY, [truck_day("KA01", date(2025, 1, 1))])
    before = DeltaTable(tables.uri(lakehouse, FLEET_DAILY)).file_uris()
    old = [uri for uri in before if "year=2025" in uri]
    assert len(old) == 1
    Path(old[0]).write_bytes(b"no parquet")
    assert fleet.fleet(Snapshot(lakehouse), A_WEEK).total["deliveries"] == 4
