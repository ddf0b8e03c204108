"""Contract §5 on a shipment's history, computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise, permutations

import pytest

from tests.oracle.model import Row
from tests.oracle.scd2 import history
from tests.unit.oracle.conftest import T0

SHIPMENT: Row = {
    "shipment_id": "S1",
    "status": "Returned",
    "destination_city": "Pune",
    "created_at": T0,
    "updated_at": T0 + timedelta(hours=1),
}


def event(number: int, status: str, hour: float) -> Row:
    return {"event_id": number, "shipment_id": "S1", "status": status, "changed_at": T0 + timedelta(hours=hour)}


def shown(versions: list[Row]) -> list[tuple[str, float | None, float | None, int | None]]:
    """(status, start hour, end hour, first event) of versions 1..n, after checking what holds for any history."""
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
    assert [row["is_current"] for row in versions] == [row["effective_end_ts"] is None for row in versions]
    for earlier, later in pairwise(versions):
        assert earlier["effective_end_ts"] == later["effective_start_ts"]
        assert earlier["status"] != later["status"]
    return [
        (row["status"], hours(row["effective_start_ts"]), hours(row["effective_end_ts"]), row["first_event_id"])
        for row in versions
    ]


def hours(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - T0) / timedelta(hours=1)


CREATED, ASSIGNED, TRANSIT = event(1, "Created", 0), event(2, "Assigned", 2), event(3, "In Transit", 4)


def test_each_status_is_a_version_from_its_event_to_the_next() -> None:
    versions = history(SHIPMENT, [CREATED, ASSIGNED, TRANSIT])
    assert shown(versions) == [("Created", 0, 2, 1), ("Assigned", 2, 4, 2), ("In Transit", 4, None, 3)]
    assert {row["destination_city"] for row in versions} == {"Pune"}


def test_equal_statuses_that_follow_one_another_are_one_version() -> None:
    again = event(4, "Created", 1)
    assert shown(history(SHIPMENT, [CREATED, again, ASSIGNED])) == [("Created", 0, 2, 1), ("Assigned", 2, None, 2)]


def test_a_late_event_between_two_collapsed_ones_needs_the_second_again() -> None:
    events = [CREATED, event(2, "Created", 2), event(3, "Assigned", 1)]
    assert shown(history(SHIPMENT, events)) == [("Created", 0, 1, 1), ("Assigned", 1, 2, 3), ("Created", 2, None, 2)]


def test_events_of_the_same_instant_follow_their_ids_and_may_last_no_time() -> None:
    events = [event(9, "Assigned", 1), event(8, "Created", 1), event(10, "Created", 1)]
    assert shown(history(SHIPMENT, events)) == [("Created", 1, 1, 8), ("Assigned", 1, 1, 9), ("Created", 1, None, 10)]


@pytest.mark.parametrize("events", list(permutations([CREATED, ASSIGNED, TRANSIT, event(4, "Assigned", 3)])))
def test_the_order_of_arrival_does_not_matter(events: tuple[Row, ...]) -> None:
    assert shown(history(SHIPMENT, events)) == [("Created", 0, 2, 1), ("Assigned", 2, 4, 2), ("In Transit", 4, None, 3)]


def test_a_shipment_without_events_has_one_version_from_its_row() -> None:
    assert shown(history(SHIPMENT, [])) == [("Returned", 1, None, None)]


def test_a_deleted_shipment_ends_when_that_was_noticed() -> None:
    versions = history(SHIPMENT, [CREATED, ASSIGNED], T0 + timedelta(hours=9))
    assert shown(versions) == [("Created", 0, 2, 1), ("Assigned", 2, 9, 2)]
    assert {row["is_deleted"] for row in versions} == {True}
