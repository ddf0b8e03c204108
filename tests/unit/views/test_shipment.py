"""One shipment: its readings as Gold counts them, and each that does not count with its reason."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from smart_logistics.contracts import silver
from smart_logistics.contracts.gold import HOLD_PROPERTY, SHIPMENT_ANALYTICS
from smart_logistics.lake import tables
from smart_logistics.views import shipment as view
from smart_logistics.views.assessment import Assessment
from smart_logistics.views.shipment import Shipment
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views import lake
from tests.unit.views.lake import FIRST, HOUR, MINUTE, SECOND, START


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("views") / "lakehouse")
    lake.a_journey(root)
    return root


@pytest.fixture(scope="module")
def found(root: str) -> Shipment:
    shipment = view.shipment(Snapshot(root), "S1")
    assert shipment is not None
    return shipment


def test_the_readings_are_those_of_its_trucks_at_their_times(found: Shipment) -> None:
    assert [(one.truck_id, (one.at - START) / MINUTE, one.temperature) for one in found.readings] == [
        (FIRST, 0, 5.0),
        (FIRST, 30, 12.0),
        (FIRST, 60, 9.0),
        (FIRST, 90, 6.0),
        (FIRST, 210, 5.0),
        (SECOND, 240, 7.0),
    ]
    assert [one.deviation for one in found.readings] == [0.0, 4.0, 1.0, 0.0, 0.0, 0.0]


def test_what_does_not_count_says_why(found: Shipment) -> None:
    told = [(one.at and (one.at - START) / MINUTE, one.reason, one.explanation, one.where) for one in found.excluded]
    assert told == [
        (10, "TEMPERATURE_RANGE", "temperature below -40 or above 60 °C", "outlier"),
        (20, "NULL_CRITICAL_FIELD", "detail 1", "f.json:1"),
        (240, "DUPLICATE_DETECTED", "detail 3", "f.json:3"),
        (None, "MALFORMED_JSON", "detail 2", "f.json:2"),
    ]
    assert found.excluded[2].temperature == 7.0


def test_the_journey_has_its_trucks_statuses_gaps_and_limits(found: Shipment) -> None:
    assert [(leg.truck_id, leg.driver) for leg in found.legs] == [(FIRST, "A. Driver"), (SECOND, "A. Driver")]
    (change,) = found.truck_changes
    assert (change.at, change.from_truck, change.to_truck) == (START + 4 * HOUR, FIRST, SECOND)
    assert [row["status"] for row in found.history] == ["In Transit", "Delivered"]
    assert [(gap.start - START, gap.minutes) for gap in found.gaps] == [(timedelta(minutes=90), 120.0)]
    assert [row["excursion_no"] for row in found.excursions] == [1]
    assert (found.max_excursion_minutes, found.hold) == (60, timedelta(minutes=60))
    assert found.assessment is Assessment.OUTSIDE
    assert found.what_to_check[0].startswith("Ask quality assurance for a decision")
    assert any("1 gap" in step for step in found.what_to_check)


def test_it_names_the_versions_and_can_be_read_again_as_of_them(root: str, found: Shipment) -> None:
    assert found.versions["gold.shipment_analytics"] >= 1
    lake.put(root, silver.IOT_TELEMETRY, [lake.reading(FIRST, START + 5 * MINUTE, 3.0)])
    now, then = view.shipment(Snapshot(root), "S1"), view.shipment(Snapshot(root, found.versions), "S1")
    assert now is not None
    assert len(now.readings) == len(found.readings) + 1
    assert then == found


def test_a_shipment_that_is_not_there_is_none(root: str, tmp_path: Path) -> None:
    assert view.shipment(Snapshot(root), "S1'; --") is None
    assert view.shipment(Snapshot(str(tmp_path)), "S1") is None


def test_an_open_journey_has_no_end(root: str) -> None:
    shipment = view.shipment(Snapshot(root), "S2")
    assert shipment is not None
    assert [one.temperature for one in shipment.readings] == [30.0, 7.0]


@pytest.mark.parametrize(("told", "minutes"), [("30", 30), ("changing to 45", 45)])
def test_readings_hold_as_gold_says(tmp_path: Path, told: str, minutes: int) -> None:
    lake.put(str(tmp_path), SHIPMENT_ANALYTICS, [lake.gold_row("S1")])
    with tables.writing(str(tmp_path), SHIPMENT_ANALYTICS):
        tables.set_property(str(tmp_path), SHIPMENT_ANALYTICS, HOLD_PROPERTY, told)
    assert view.hold(Snapshot(str(tmp_path))) == timedelta(minutes=minutes)
