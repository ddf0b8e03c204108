"""What was decided: open until every excursion of a shipment has a decision that is still about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from smart_logistics.contracts.dispositions import Decision, Via
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.dispositions import book
from smart_logistics.lake import tables
from smart_logistics.views import shipment as view
from smart_logistics.views import shipments
from smart_logistics.views.filters import Filters
from smart_logistics.views.routes import route_map
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views import lake
from tests.unit.views.lake import HOUR, START

HOSTILE = "'; DROP TABLE x --"


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Four shipments with alerts, of two excursions, of one and of none that is written down; and one without."""
    root = str(tmp_path / "lakehouse")
    lake.parents(root)
    alerts = [lake.alert(one, "Major", 30.0) for one in ("A", "B", HOSTILE, "D")]
    lake.put(root, SHIPMENT_ANALYTICS, [*alerts, lake.gold_row("E")])
    peaks = [lake.excursion(one, 1, START) for one in ("A", "B", HOSTILE)]
    lake.put(root, TEMPERATURE_EXCURSIONS, [*peaks, lake.excursion("B", 2, START + HOUR)])
    return root


def decide(root: str, shipment_id: str, number: int, decision: Decision) -> None:
    key = f"{shipment_id} {number} {decision.value}"
    book.decide(root, book.Request(key, shipment_id, number, decision, "why", "asha", Via.AIRFLOW))


def told(root: str, **filters: Any) -> dict[str, str | None]:
    rows = shipments.listing(Snapshot(root), Filters(**filters), sort="shipment").rows
    return {row["shipment_id"]: row["decision"] for row in rows}


def test_every_alert_is_open_until_all_its_excursions_are_decided(root: str) -> None:
    assert told(root) == {HOSTILE: "open", "A": "open", "B": "open", "D": "open", "E": None}
    decide(root, "A", 1, Decision.QUARANTINE)
    decide(root, "B", 2, Decision.RELEASE)
    decide(root, HOSTILE, 1, Decision.RELEASE)
    assert told(root) == {HOSTILE: "release", "A": "quarantine", "B": "open", "D": "open", "E": None}
    decide(root, "B", 1, Decision.REJECT)
    assert told(root)["B"] == "reject, release"
    found = shipments.listing(Snapshot(root), Filters())
    assert (found.alerts, found.open, found.open_by_severity["Major"]) == (4, 1, 1)


def test_the_last_decision_counts_and_of_another_excursion_none_does(root: str) -> None:
    decide(root, "A", 1, Decision.QUARANTINE)
    decide(root, "A", 1, Decision.RELEASE)
    assert told(root)["A"] == "release"
    found = view.shipment(Snapshot(root), "A")
    assert found is not None
    assert (found.decided, found.decision) == ({1: "release"}, "release")
    assert "See that the goods are treated as was decided: release." in found.what_to_check
    # New data: the excursion lasts longer than what was decided upon.
    place = tables.uri(root, TEMPERATURE_EXCURSIONS)
    schema = tables.arrow_schema(TEMPERATURE_EXCURSIONS)
    longer = pa.Table.from_pylist([lake.excursion("A", 1, START, minutes=45.0)], schema=schema)
    write_deltalake(place, longer, mode="overwrite")
    assert told(root)["A"] == "open"
    found = view.shipment(Snapshot(root), "A")
    assert found is not None
    assert (found.decided, found.decision) == ({}, "")
    assert found.what_to_check[0].startswith("Ask quality assurance for a decision")


def test_each_choice_chooses_and_what_is_exported_says_it_too(root: str) -> None:
    decide(root, "A", 1, Decision.QUARANTINE)
    decide(root, "B", 1, Decision.REJECT)
    decide(root, "B", 2, Decision.QUARANTINE)
    expected = {
        **{"open": [HOSTILE, "D"], "decided": ["A", "B"], "quarantine": ["A", "B"]},
        **{"reject": ["B"], "release": []},
    }
    assert {choice: list(told(root, decision=choice)) for choice in expected} == expected
    exported = shipments.every(Snapshot(root), Filters(decision="reject")).to_pylist()
    assert [(row["shipment_id"], row["decision"]) for row in exported] == [("B", "reject, quarantine")]
    assert {one.shipment_id for one in route_map(Snapshot(root), Filters(decision="open")).places} == {HOSTILE}


def test_a_shipment_of_two_excursions_is_open_while_one_is(root: str) -> None:
    decide(root, "B", 1, Decision.REJECT)
    found = view.shipment(Snapshot(root), "B")
    assert found is not None
    assert (found.decided, found.decision) == ({1: "reject"}, "")
