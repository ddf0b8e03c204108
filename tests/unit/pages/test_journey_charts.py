"""What the charts of one shipment are made of: nothing across a gap, and nothing that is too narrow to be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smart_logistics.pages import journey_charts
from smart_logistics.views import shipment as view
from smart_logistics.views.shipment import Shipment
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views import lake
from tests.unit.views.lake import HOUR, MINUTE, START


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Shipment:
    """A journey with a gap of two hours."""
    root = str(tmp_path_factory.mktemp("charts"))
    lake.a_journey(root)
    shipment = view.shipment(Snapshot(root), "S1")
    assert shipment is not None
    return shipment


def lines(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in spec["layer"] if one["mark"]["type"] == "line"]


def test_the_way_is_not_drawn_across_a_gap(found: Shipment) -> None:
    (line,) = lines(journey_charts.of_way(found, "/outlines.json"))
    assert [one["stretch"] for one in line["data"]["values"]] == [0, 0, 0, 0, 1, 1]
    assert line["encoding"]["detail"]["field"] == "stretch"


def test_a_reading_without_a_position_is_left_out_and_moves_no_stretch(found: Shipment) -> None:
    lost = [replace(one, latitude=None) if number == 3 else one for number, one in enumerate(found.readings)]
    (line,) = lines(journey_charts.of_way(replace(found, readings=lost), "/outlines.json"))
    assert [one["stretch"] for one in line["data"]["values"]] == [0, 0, 0, 1, 1]


def test_of_many_readings_those_beside_a_gap_are_kept(found: Shipment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey_charts, "_MOST_PLACES", 1)
    calm = [replace(one, deviation=0.0) for one in found.readings]
    (line,) = lines(journey_charts.of_way(replace(found, readings=calm), "/outlines.json"))
    minutes = [(one["at"] / 1000 - START.timestamp()) / 60 for one in line["data"]["values"]]
    assert minutes == [0, 90, 210, 240]


@pytest.mark.parametrize(("lasted", "drawn"), [(0 * MINUTE, MINUTE), (30 * MINUTE, 30 * MINUTE), (HOUR, HOUR)])
def test_an_excursion_that_is_one_reading_can_be_seen(found: Shipment, lasted: Any, drawn: Any) -> None:
    one = lake.excursion("S1", 1, START, ended_at=START + lasted)
    spec = journey_charts.of_curve(replace(found, excursions=[one]))
    (layer,) = (one for one in spec["layer"] if "severity" in (one["data"]["values"][0] or {}))
    assert layer["encoding"]["x2"] == {"field": "drawn_to"}
    (row,) = layer["data"]["values"]
    assert row["drawn_to"] - row["from_at"] == drawn.total_seconds() * 1000
    # What is told of it is what Gold says.
    assert row["to_at"] - row["from_at"] == lasted.total_seconds() * 1000


def test_an_instant_is_told_in_utc_and_in_local_time(found: Shipment) -> None:
    (line,) = lines(journey_charts.of_curve(found))
    when, local, *_ = line["encoding"]["tooltip"]
    assert (when["timeUnit"], when["format"][-3:]) == ("utcyearmonthdatehoursminutes", "UTC")
    assert (local["field"], local["title"], local["timeUnit"]) == ("at", "when, local", "yearmonthdatehoursminutes")


def test_excursions_and_gaps_have_an_edge_that_shading_does_not_dim(found: Shipment) -> None:
    areas = [one["mark"] for one in journey_charts.of_curve(found)["layer"] if one["mark"].get("fillOpacity")]
    assert len(areas) == 2
    assert all(mark.get("strokeOpacity", 1) == 1 and "opacity" not in mark for mark in areas)
