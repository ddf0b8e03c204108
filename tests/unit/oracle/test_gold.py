"""Contract §5 on Gold, computed by hand; mean kinetic temperatures from the literature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.oracle import Deletion, Rules, Source, TakenFile, Version, expect
from tests.oracle.compare import AnyOf, same
from tests.oracle.gold import band, deviation, mean_kinetic_temperature
from tests.oracle.model import Row
from tests.unit.oracle.conftest import T0, Rows

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
Reading = tuple[float, float]  # minutes after T0, °C


def file_of(readings: Sequence[Reading], truck: str = "P1", number: int = 0) -> TakenFile:
    lines = [
        f'{{"truck_id":"{truck}","timestamp":"{(T0 + at * MINUTE).isoformat()}","temperature":{celsius}}}'
        for at, celsius in readings
    ]
    return TakenFile(f"iot_telemetry_20260301_000000_{number}.json", "\n".join(lines).encode(), T0 + timedelta(days=30))


def gold(
    versions: Sequence[Version], *files: TakenFile, deletions: Sequence[Deletion] = (), rules: Rules | None = None
) -> tuple[Row, list[Row]]:
    """The one row of shipment_analytics, and the excursions."""
    tables = expect(Source(versions, deletions, files), rules).tables
    (row,) = tables["gold.shipment_analytics"]
    return row, tables["gold.temperature_excursions"]


def assert_has(row: Row, **wanted: Any) -> None:
    assert {name: row[name] for name, value in wanted.items() if not same(value, row[name])} == {}


def equal_weights(*celsius: float) -> float | None:
    """Readings so far apart that no gap qualifies."""
    return mean_kinetic_temperature([(T0 + at * 2 * HOUR, value) for at, value in enumerate(celsius)], HOUR)


@pytest.mark.parametrize(
    ("celsius", "expected"),
    [
        ((5,), 5.0),
        ((25, 25, 25), 25.0),
        ((-20, -20), -20.0),
        ((20, 20, 40, 25), 30.208237),
        ((20, 40), 34.35788),
        ((10, 10, 10, 50), 36.500417),
        ((25, 25, 25, 25, 40), 30.303658),
        ((24, 26, 28, 25, 23), 25.359217),
        ((2, 8), 5.5364),
        ((5, 5, 5, 25), 15.1322),
        ((10, 15, 20, 25, 30), 22.5447),
        ((-20,) * 9 + (-10,), -18.0684),
    ],
)
def test_mean_kinetic_temperature_equals_the_reference_values(celsius: tuple[float, ...], expected: float) -> None:
    assert equal_weights(*celsius) == pytest.approx(expected, abs=1e-4)


def test_mean_kinetic_temperature_is_a_trapezoid_over_time() -> None:
    minutes, celsius = (0, 60, 120, 240, 300), (5, 5, 12, 6, 5)
    readings = [(T0 + at * MINUTE, float(value)) for at, value in zip(minutes, celsius, strict=True)]
    assert mean_kinetic_temperature(readings, 2 * HOUR) == pytest.approx(7.9934, abs=1e-4)
    # The gap of two hours is left out: three hours remain, of which the last goes from 6 to 5 °C.
    short = mean_kinetic_temperature(readings, HOUR)
    assert short is not None
    assert short < 7.9934


def test_a_gap_of_exactly_the_hold_counts_and_a_longer_one_does_not() -> None:
    def mean(gap: timedelta) -> float | None:
        first, second = T0 + MINUTE, T0 + MINUTE + gap
        return mean_kinetic_temperature([(T0, 5.0), (first, 5.0), (second, 25.0)], HOUR)

    assert mean(HOUR + timedelta(microseconds=1)) == pytest.approx(5.0)
    counted = mean(HOUR)
    assert counted is not None
    assert counted > 15


def test_readings_of_one_instant_weigh_equally_where_no_time_passes() -> None:
    assert mean_kinetic_temperature([(T0, 20.0), (T0, 40.0)], HOUR) == pytest.approx(34.35788, abs=1e-4)
    assert mean_kinetic_temperature([], HOUR) is None


@pytest.mark.parametrize(
    ("celsius", "beyond", "severity"),
    [
        (2, 0, "None"),
        (8, 0, "None"),
        (1.5, 0.5, "Minor"),
        (10, 2, "Minor"),
        (10.001, 2.001, "Major"),
        (13, 5, "Major"),
        (-4, 6, "Critical"),
    ],
)
def test_severity_follows_the_distance_to_the_limits(celsius: float, beyond: float, severity: str) -> None:
    assert deviation(celsius, 2, 8) == pytest.approx(beyond)
    assert band(deviation(celsius, 2, 8)) == severity


def test_a_shipment_without_readings_keeps_its_row(rows: Rows) -> None:
    row, excursions = gold([*rows.parents(), rows(0, "shipments")])
    assert excursions == []
    assert_has(
        row, customer_id=1, origin_city="Pune", status="Created", truck_ids=[], driver_ids=[], assignment_count=0
    )
    assert_has(row, trip_start=None, trip_end=None, trip_duration_minutes=None, data_coverage=None, reading_count=0)
    assert_has(row, min_threshold=2.0, max_threshold=8.0, violation_count=0, excursion_count=0, excursion_minutes=0.0)
    assert_has(row, max_deviation=None, avg_temperature=None, temperature_variance=None, mean_kinetic_temperature=None)
    assert_has(row, temperature_alert=False, alert_severity="None", avg_temperature_severity="None", is_on_time=None)
    assert_has(row, longest_excursion_minutes=0.0, first_reading_at=None, year=2026, month=3)


def test_readings_count_from_the_start_of_an_assignment_to_before_its_end(rows: Rows) -> None:
    row, _ = gold(rows.everything(), file_of([(-1, 5), (0, 4), (30, 6), (599, 5), (600, 50)]))
    assert_has(
        row, reading_count=3, min_temperature=4.0, max_temperature=6.0, avg_temperature=5.0, temperature_variance=1.0
    )
    assert_has(row, first_reading_at=T0, last_reading_at=T0 + 599 * MINUTE, trip_duration_minutes=600.0)
    assert_has(row, data_coverage=90 / 600)  # 30 minutes, then an hour of the gap of 569; the last holds none


def test_an_open_assignment_has_no_end_and_coverage_runs_to_the_last_reading(rows: Rows) -> None:
    versions = [*rows.everything(), rows(1, "truck_assignments", assignment_end_time=None)]
    row, _ = gold(versions, file_of([(60, 5), (120, 5), (6000, 5)]))
    assert_has(row, reading_count=3, trip_end=None, trip_duration_minutes=None, data_coverage=120 / 6000)
    row, _ = gold(versions, file_of([(0, 5)]))
    assert_has(row, reading_count=1, data_coverage=None, temperature_variance=None)


def test_a_reading_counts_once_though_two_assignments_and_two_vehicles_of_a_plate_cover_it(rows: Rows) -> None:
    versions = [
        *rows.everything(),
        rows(0, "vehicles", vehicle_id=2, license_plate="P1"),
        rows(0, "vehicles", vehicle_id=3, license_plate="P0"),
        rows(0, "truck_assignments", assignment_id=2, vehicle_id=2, driver_id=None),
        rows(0, "truck_assignments", assignment_id=0, vehicle_id=3, driver_id=7),
        rows(0, "truck_assignments", assignment_id=9, vehicle_id=3, driver_id=8, status="CANCELLED"),
    ]
    row, _ = gold(versions, file_of([(0, 5), (10, 5)]), file_of([(10, 5)], "P0", 1))
    assert_has(row, reading_count=3, assignment_count=3, truck_ids=["P0", "P1"], driver_ids=[7, 1])


def test_the_current_plate_of_a_vehicle_decides_and_outliers_do_not_count(rows: Rows) -> None:
    versions = [*rows.everything(), rows(1, "vehicles", license_plate="new")]
    row, _ = gold(versions, file_of([(0, 5)]), file_of([(0, 7), (1, 61)], "NEW", 1))
    assert_has(row, truck_ids=["NEW"], reading_count=1, avg_temperature=7.0)


def test_deleted_assignments_do_not_count_and_deleted_shipments_have_no_row(rows: Rows) -> None:
    row, _ = gold(rows.everything(), file_of([(0, 5)]), deletions=[Deletion("truck_assignments", "1", rows.at(1))])
    assert_has(row, assignment_count=0, reading_count=0)
    gone = Source(rows.everything(), [Deletion("shipments", "S1", rows.at(1))], [file_of([(0, 50)])])
    tables = expect(gone).tables
    assert tables["gold.shipment_analytics"] == tables["gold.temperature_excursions"] == []
    assert [version["is_current"] for version in tables["silver.shipments"]] == [False]


def test_excursions_are_maximal_runs_and_their_minutes_are_their_holds(rows: Rows) -> None:
    readings = [(0, 5), (10, 9), (20, 1.5), (30, 5), (40, 9), (50, 14), (200, 14), (210, 5)]
    row, (first, second) = gold(rows.everything(), file_of(readings))
    assert_has(first, excursion_no=1, started_at=at(10), ended_at=at(30), minutes=20.0, reading_count=2)
    assert_has(first, peak_deviation=1.0, peak_temperature=9.0, peak_at=at(10), truck_id="P1", severity="Minor")
    # 10 minutes, then 60 of the gap of 150, then 10.
    assert_has(second, excursion_no=2, started_at=at(40), ended_at=at(210), minutes=80.0, reading_count=3)
    assert_has(second, peak_deviation=6.0, peak_at=at(50), severity="Critical")
    assert_has(row, violation_count=5, excursion_count=2, excursion_minutes=100.0, longest_excursion_minutes=80.0)
    assert_has(row, max_deviation=6.0, temperature_alert=True, alert_severity="Critical")


@pytest.mark.parametrize(("limit", "severity"), [(59, "Critical"), (60, "Minor"), (None, "Minor"), (0, "Critical")])
def test_an_excursion_longer_than_allowed_is_critical(rows: Rows, limit: int | None, severity: str) -> None:
    versions = [*rows.everything(), rows(1, "shipment_types", max_excursion_minutes=limit)]
    row, (excursion,) = gold(versions, file_of([(0, 9), (60, 5)]))
    assert_has(excursion, minutes=60.0, severity=severity)
    assert_has(row, alert_severity=severity, avg_temperature_severity="None")


def test_an_excursion_of_one_last_reading_lasts_no_time_and_is_not_prolonged_by_a_limit_of_zero(rows: Rows) -> None:
    versions = [*rows.everything(), rows(1, "shipment_types", max_excursion_minutes=0)]
    row, (excursion,) = gold(versions, file_of([(0, 9)]))
    assert_has(excursion, minutes=0.0, ended_at=T0, severity="Minor")
    assert_has(row, alert_severity="Minor", avg_temperature_severity="Minor", excursion_minutes=0.0)


def test_the_hold_is_a_setting(rows: Rows) -> None:
    _, (excursion,) = gold(rows.everything(), file_of([(0, 9), (60, 5)]), rules=Rules(hold=15 * MINUTE))
    assert_has(excursion, minutes=15.0, ended_at=at(15))


def test_readings_of_one_instant_follow_their_trucks(rows: Rows) -> None:
    versions = [
        *rows.everything(),
        rows(0, "vehicles", vehicle_id=2, license_plate="P0"),
        rows(0, "truck_assignments", assignment_id=2, vehicle_id=2),
    ]
    row, excursions = gold(versions, file_of([(0, 9), (10, 9)]), file_of([(0, 5), (10, 9)], "P0", 1))
    # In order: P0 5.0, P1 9.0 (holds 10 minutes), P0 9.0, P1 9.0: one run, its peak is the first 9.0.
    assert [(one["truck_id"], one["reading_count"], one["minutes"]) for one in excursions] == [("P1", 3, 10.0)]
    assert_has(row, reading_count=4, violation_count=3)


def test_a_mean_at_the_edge_of_a_band_may_be_rounded_to_either_side(rows: Rows) -> None:
    row, _ = gold(rows.everything(), file_of([(0, 7.9), (10, 8.1)]))
    assert row["avg_temperature_severity"] == AnyOf(frozenset({"None", "Minor"}))


def test_delivery_is_early_late_or_on_time(rows: Rows) -> None:
    for actual, delay, on_time in ((at(0), -30.0, True), (at(30), 0.0, True), (at(30.5), 0.5, False)):
        shipment = rows(1, "shipments", expected_delivery_at=at(30), actual_delivery_at=actual)
        row, _ = gold([*rows.parents(), shipment])
        assert_has(row, delivery_delay_minutes=delay, is_on_time=on_time)


def at(minutes: float) -> datetime:
    return T0 + minutes * MINUTE
