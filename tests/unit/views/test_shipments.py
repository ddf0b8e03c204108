"""The list: every filter, every order, pages, and no file opened that cannot hold what is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.views import routes, shipments
from smart_logistics.views.assessment import Assessment, assess
from smart_logistics.views.filters import Filters
from smart_logistics.views.routes import excursions, route_map
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views.lake import FIRST, SECOND, alert, excursion, gold_row, parents, put

OCTOBER = datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("views") / "lakehouse")
    parents(root)
    rows = [
        alert("A", "Minor", 20.0, created_at=OCTOBER),
        alert("B", "Critical", 10.0, created_at=NOVEMBER, truck_ids=[FIRST, SECOND], destination_city="Delhi"),
        alert("C", "Critical", 90.0, created_at=NOVEMBER, shipment_type="Frozen", status="In Transit"),
        gold_row("D", created_at=NOVEMBER, origin_city="Delhi", delivery_delay_minutes=5.0),
        gold_row("E", created_at=NOVEMBER, data_coverage=0.5, mean_kinetic_temperature=7.9),
        gold_row(
            HOSTILE,
            created_at=NOVEMBER,
            data_coverage=None,
            reading_count=0,
            avg_temperature=None,
            truck_ids=[],
            max_deviation=None,
        ),
    ]
    for month in (10, 11):
        put(root, SHIPMENT_ANALYTICS, [row for row in rows if row["month"] == month])
    peaks: list[dict[str, Any]] = [
        excursion("A", 1, OCTOBER, severity="Minor", month=10),
        excursion("B", 1, NOVEMBER, severity="Critical"),
        excursion("B", 2, NOVEMBER, peak_latitude=None),
        excursion("C", 1, NOVEMBER, severity="Critical", minutes=90.0),
    ]
    put(root, TEMPERATURE_EXCURSIONS, peaks)
    return root


def ids(root: str, sort: str = "risk", **filters: Any) -> str:
    rows = shipments.listing(Snapshot(root), Filters(**filters), sort=sort).rows
    return "".join(row["shipment_id"] if row["shipment_id"] != HOSTILE else "x" for row in rows)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "CBAxDE"),
        ({"severity": "Critical"}, "CB"),
        ({"severity": "any"}, "CBA"),
        ({"severity": "None"}, "xDE"),
        ({"kind": "Frozen"}, "C"),
        ({"status": "In Transit"}, "C"),
        ({"origin": "Delhi"}, "D"),
        ({"destination": "Delhi"}, "B"),
        ({"truck": "cd00"}, "B"),
        ({"text": "SCRIPT"}, "x"),
        ({"data": "low"}, "xE"),
        ({"since": NOVEMBER}, "CBxDE"),
        ({"since": OCTOBER}, "CBAxDE"),
        ({"since": OCTOBER + timedelta(microseconds=1)}, "CBxDE"),
        ({"until": NOVEMBER}, "A"),
        ({"until": OCTOBER}, ""),
        ({"severity": "Critical", "kind": "Frozen", "truck": "KA", "since": NOVEMBER}, "C"),
        ({"kind": "' OR 1=1 --"}, ""),
        ({"truck": "' OR 1=1 --"}, ""),
    ],
)
def test_each_filter(root: str, filters: dict[str, Any], expected: str) -> None:
    assert sorted(ids(root, **filters)) == sorted(expected)
    everything = shipments.every(Snapshot(root), Filters(**filters))
    assert len(everything) == len(expected)
    assert everything.column_names == [*SHIPMENT_ANALYTICS.column_names, "decision"]
    assert len(shipments.matching(Snapshot(root), Filters(**filters), ["order_id"])) == len(expected)


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("risk", "C"),
        ("minutes", "C"),
        ("shipment", "x"),
        ("created", "x"),
        ("mkt", "E"),
        ("coverage", "x"),
        ("late", "D"),
    ],
)
def test_each_order(root: str, sort: str, first: str) -> None:
    assert ids(root, sort)[0] == first


def test_an_unknown_order_is_that_of_risk(root: str) -> None:
    assert ids(root, "1; DROP TABLE shipments") == ids(root)


def test_pages_cover_all_once_and_count_what_matches(root: str) -> None:
    pages = [shipments.listing(Snapshot(root), Filters(), page=number, size=4) for number in (1, 2, 3, 0)]
    assert [(one.page, one.pages, one.total) for one in pages] == [(1, 2, 6), (2, 2, 6), (2, 2, 6), (1, 2, 6)]
    seen = [row["shipment_id"] for one in pages[:2] for row in one.rows]
    assert len(seen) == len(set(seen)) == 6
    one = pages[0]
    assert one.by_severity == {"None": 3, "Minor": 1, "Major": 0, "Critical": 2}
    assert (one.low_coverage, one.excursion_minutes) == (2, 120.0)


def test_months_that_were_not_asked_for_are_not_opened(root: str) -> None:
    snapshot = Snapshot(root)
    delta = snapshot.delta(SHIPMENT_ANALYTICS)
    assert delta is not None
    fragments = list(delta.to_pyarrow_dataset().get_fragments(filter=Filters(since=NOVEMBER).pruning()))
    assert [fragment.path for fragment in fragments if "month=10" in fragment.path] == []
    assert fragments


def test_an_empty_lakehouse_has_no_shipments(tmp_path: Path) -> None:
    snapshot = Snapshot(str(tmp_path))
    found = shipments.listing(snapshot, Filters(truck="KA", since=NOVEMBER))
    assert (found.rows, found.total, found.page, found.pages) == ([], 0, 1, 1)
    assert shipments.facets(snapshot).kinds == []
    assert route_map(snapshot, Filters()).places == []


def test_there_is_to_choose_what_there_is(root: str) -> None:
    found = shipments.facets(Snapshot(root))
    assert found.kinds == ["Frozen", "Refrigerated"]
    assert (found.origins, found.destinations) == (["Delhi", "Mumbai"], ["Delhi", "Pune"])


def test_the_map_shows_the_worst_and_says_what_it_cannot_place(root: str) -> None:
    found = route_map(Snapshot(root), Filters())
    assert [(one.shipment_id, one.severity) for one in found.places] == [
        ("C", "Critical"),
        ("B", "Critical"),
        ("A", "Minor"),
    ]
    assert (found.excursions, found.unplaced) == (4, 1)
    assert [(one.origin, one.destination, one.shipments, one.severity) for one in found.routes] == [
        ("Mumbai", "Pune", 2, "Critical"),
        ("Mumbai", "Delhi", 1, "Critical"),
    ]
    # A warehouse's own place counts before the list of cities.
    assert found.routes[0].end == (18.6, 73.9)
    assert [one.shipment_id for one in route_map(Snapshot(root), Filters(kind="Frozen")).places] == ["C"]


def test_every_excursion_is_in_the_file_with_its_position_or_without(root: str) -> None:
    rows = excursions(Snapshot(root), Filters()).to_pylist()
    assert [(one["shipment_id"], one["excursion_no"], one["latitude"]) for one in rows] == [
        ("C", 1, 18.9),
        ("B", 1, 18.9),
        ("B", 2, None),
        ("A", 1, 18.9),
    ]
    assert [one["shipment_id"] for one in excursions(Snapshot(root), Filters(kind="Frozen")).to_pylist()] == ["C"]


def test_the_map_says_how_much_of_all_it_has(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "3 of 4 excursions are on the map, 1 has no position. 2 of 2 routes are drawn."
    assert route_map(Snapshot(root), Filters()).words == said
    assert route_map(Snapshot(root), Filters(kind="Frozen")).words == (
        "1 of 1 excursion is on the map. 1 of 1 route is drawn."
    )
    monkeypatch.setattr(routes, "MOST_PLACES", 2)
    monkeypatch.setattr(routes, "MOST_ROUTES", 1)
    assert route_map(Snapshot(root), Filters()).words == (
        "2 of 4 excursions are on the map, 1 has no position. 1 of 2 routes are drawn."
    )
    rows = [alert(city, "Major", 9.0, destination_city=city) for city in ("Nowhere", "Atlantis", "Delhi")]
    put(str(tmp_path), SHIPMENT_ANALYTICS, rows)
    assert route_map(Snapshot(str(tmp_path)), Filters()).words == (
        "0 of 0 excursions are on the map. 1 of 3 routes are drawn, 2 have a city whose place is not known."
    )


def test_what_is_not_measured_is_not_called_good() -> None:
    assert assess(gold_row("S")) is Assessment.WITHIN
    assert assess(gold_row("S", data_coverage=0.97)) is Assessment.UNPROVEN
    assert assess(gold_row("S", data_coverage=None)) is Assessment.UNPROVEN
    assert assess(gold_row("S", reading_count=0)) is Assessment.UNKNOWN
    assert assess(alert("S", "Minor", 1.0, data_coverage=0.1)) is Assessment.OUTSIDE
