"""One shipment: all that the lakehouse knows of its journey, from one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

import pyarrow.compute as pc

from smart_logistics.contracts.gold import HOLD_PROPERTY, SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.silver import SHIPMENT_TYPES, SHIPMENT_VERSIONS
from smart_logistics.settings import BY_NAME
from smart_logistics.views import curve, decisions, journey
from smart_logistics.views.assessment import Assessment, assess, has_low_coverage, what_to_check
from smart_logistics.views.curve import Gap, Point
from smart_logistics.views.journey import Excluded, Leg, Reading
from smart_logistics.views.snapshot import Row, Snapshot

_VERSION = ("version", "status", "effective_start_ts", "effective_end_ts", "is_deleted")


@dataclass(frozen=True)
class TruckChange:
    """The moment at which another truck took over."""

    at: datetime
    from_truck: str
    to_truck: str


@dataclass(frozen=True)
class Shipment:
    """A shipment's Gold row and everything below it.

    ``excursions`` are Gold's rows by their number, ``decided`` what was decided about them and still holds, ``history``
    the versions by their number; ``max_excursion_minutes`` is the
    type's limit (null = none), ``hold`` how long a reading holds, as Gold was computed; ``versions`` are those of the
    tables that this was made of.
    """

    row: Row
    excursions: list[Row]
    decided: dict[int, str]
    max_excursion_minutes: int | None
    legs: list[Leg]
    history: list[Row]
    readings: list[Reading]
    excluded: list[Excluded]
    hold: timedelta
    versions: dict[str, int]

    @property
    def shipment_id(self) -> str:
        """Its key."""
        return str(self.row["shipment_id"])

    @property
    def assessment(self) -> Assessment:
        """What can be said of its temperatures."""
        return assess(self.row)

    @property
    def decision(self) -> str:
        """What was decided in words; nothing while an excursion waits for a decision, or where there is none."""
        is_open = any(one["excursion_no"] not in self.decided for one in self.excursions)
        return "" if is_open else decisions.in_words(self.decided.values())

    @property
    def low_coverage(self) -> bool:
        """Whether readings cover too little of the journey."""
        return has_low_coverage(self.row)

    @cached_property
    def points(self) -> list[Point]:
        """Its readings as a curve, all of them."""
        return [Point(one.at, one.temperature, one.deviation or 0.0) for one in self.readings]

    @property
    def drawn(self) -> list[tuple[int, Reading]]:
        """The readings that a curve is drawn of (see ``curve.thinned``), each with the number of its stretch."""
        parts = curve.thinned(self.points, self.hold)
        return [(number, self.readings[index]) for number, part in enumerate(parts) for index in part]

    @cached_property
    def gaps(self) -> list[Gap]:
        """The times in which no reading came for longer than one holds."""
        return curve.gaps(self.points, self.hold)

    @property
    def truck_changes(self) -> list[TruckChange]:
        """The moments at which another truck took over."""
        return [
            TruckChange(then.starts_at, first.truck_id, then.truck_id)
            for first, then in pairwise(self.legs)
            if first.truck_id != then.truck_id
        ]

    @property
    def what_to_check(self) -> list[str]:
        """What a person should look at, the most pressing first."""
        return what_to_check(self.row, self.decision, len(self.excluded), len(self.gaps))


def shipment(snapshot: Snapshot, shipment_id: str) -> Shipment | None:
    """Return the shipment as of a snapshot; None where Gold has none of that id."""
    same = pc.field("shipment_id") == shipment_id
    found = snapshot.dicts(SHIPMENT_ANALYTICS, SHIPMENT_ANALYTICS.column_names, same)
    if not found:
        return None
    (row,) = found
    of_month = same & (pc.field("year") == row["year"]) & (pc.field("month") == row["month"])
    excursions = snapshot.dicts(TEMPERATURE_EXCURSIONS, TEMPERATURE_EXCURSIONS.column_names, of_month)
    excursions.sort(key=lambda one: one["excursion_no"])
    legs = journey.legs(snapshot, shipment_id)
    counted, outliers = journey.readings(snapshot, legs, (row["min_threshold"], row["max_threshold"]))
    return Shipment(
        row,
        excursions,
        decisions.of_shipment(snapshot, shipment_id, excursions),
        _longest_allowed(snapshot, row["shipment_type"]),
        legs,
        _history(snapshot, row),
        counted,
        _in_order([*outliers, *journey.rejected(snapshot, legs)]),
        hold(snapshot),
        snapshot.versions,
    )


def hold(snapshot: Snapshot) -> timedelta:
    """Return how long a reading holds: as Gold was computed, or is about to be; else the setting's default."""
    told = snapshot.state(SHIPMENT_ANALYTICS).table_property(HOLD_PROPERTY) or BY_NAME["HOLD_MINUTES"].default
    return timedelta(minutes=int((told or "0").split()[-1]))


def _longest_allowed(snapshot: Snapshot, kind: str | None) -> int | None:
    found = snapshot.dicts(SHIPMENT_TYPES, ("max_excursion_minutes",), pc.field("type_name") == kind)
    return found[0]["max_excursion_minutes"] if found else None


def _history(snapshot: Snapshot, row: Row) -> list[Row]:
    month = f"{row['year']:04}-{row['month']:02}"
    where = (pc.field("shipment_id") == row["shipment_id"]) & (pc.field("created_month") == month)
    return sorted(snapshot.dicts(SHIPMENT_VERSIONS, _VERSION, where), key=lambda one: one["version"])


def _in_order(excluded: list[Excluded]) -> list[Excluded]:
    timed = sorted((one for one in excluded if one.at is not None), key=lambda one: (str(one.at), one.truck_id))
    return [*timed, *(one for one in excluded if one.at is None)]
