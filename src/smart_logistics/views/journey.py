"""The readings of a shipment's journey: those that count, as Gold counts them, and those that do not, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.rules import CANCELLED_ASSIGNMENT, OutlierReason, Reason
from smart_logistics.contracts.silver import DRIVERS, IOT_TELEMETRY, TRUCK_ASSIGNMENTS, VEHICLES
from smart_logistics.sources.telemetry import instant
from smart_logistics.views.snapshot import Row, Snapshot, before, since

_READING = ("truck_id", "event_ts", "temperature", "latitude", "longitude", "outlier_reason", "source_file")
_LETTER = (
    *("source_key", "source_file", "rejection_reason", "rejection_detail"),
    *("raw_payload", "rejected_at", "reprocessing_status"),
)
_LATEST_ARRIVAL = timedelta(days=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC) - _LATEST_ARRIVAL
# So many are looked for by their names; a longer journey is looked for by its trucks alone.
_MOST_DAYS = 400
# What Arrow cannot see through: a backslash may begin an escape, and upper case makes ASCII of a few other letters.
_ESCAPE, _FOREIGN = r"\\", r"[^\x00-\x7F]"


@dataclass(frozen=True)
class Leg:
    """An assignment that counts: which truck carried the shipment and when; ``ends_at`` null is open."""

    assignment_id: int
    truck_id: str
    driver_id: int | None
    driver: str | None
    starts_at: datetime
    ends_at: datetime | None
    status: str

    def covers(self, truck_id: str, at: datetime) -> bool:
        """Return whether a reading falls into it."""
        return truck_id == self.truck_id and self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True)
class Reading:
    """A reading that counts. ``deviation`` is its distance to the limits, 0 inside, null where there are none."""

    truck_id: str
    at: datetime
    temperature: float
    latitude: float | None
    longitude: float | None
    deviation: float | None
    source_file: str


@dataclass(frozen=True)
class Excluded:
    """A reading that does not count. ``at`` is null where its time cannot be read."""

    truck_id: str
    at: datetime | None
    temperature: float | None
    reason: str
    explanation: str
    source_file: str | None
    where: str


def legs(snapshot: Snapshot, shipment_id: str) -> list[Leg]:
    """Return the assignments of a shipment that count, in the order of their start."""
    columns = (
        *("assignment_id", "vehicle_id", "driver_id", "assignment_start_time", "assignment_end_time"),
        *("status", "is_deleted"),
    )
    rows = [
        row
        for row in snapshot.dicts(TRUCK_ASSIGNMENTS, columns, pc.field("shipment_id") == shipment_id)
        if row["status"] != CANCELLED_ASSIGNMENT and not row["is_deleted"]
    ]
    plates = _named(snapshot, VEHICLES, "vehicle_id", "license_plate", rows)
    names = _named(snapshot, DRIVERS, "driver_id", "name", rows)
    found = [
        Leg(
            row["assignment_id"],
            plates[row["vehicle_id"]],
            row["driver_id"],
            names.get(row["driver_id"]),
            row["assignment_start_time"],
            row["assignment_end_time"],
            row["status"],
        )
        for row in rows
        if row["vehicle_id"] in plates
    ]
    return sorted(found, key=lambda leg: (leg.starts_at, leg.assignment_id))


def _named(snapshot: Snapshot, table: Any, key: str, name: str, rows: Sequence[Row]) -> dict[int, str]:
    wanted = sorted({row[key] for row in rows if row[key] is not None})
    if not wanted:
        return {}
    found = snapshot.dicts(table, (key, name), pc.field(key).isin(wanted))
    return {row[key]: row[name] for row in found}


def readings(
    snapshot: Snapshot, journey: Sequence[Leg], limits: tuple[float | None, float | None]
) -> tuple[list[Reading], list[Excluded]]:
    """Return Silver's readings of a journey in the order of (time, truck): those that count, and the outliers."""
    if not journey:
        return [], []
    rows = snapshot.rows(IOT_TELEMETRY, _READING, reduce(or_, map(_within, journey)))
    counted: list[Reading] = []
    outliers: list[Excluded] = []
    columns = [column.to_pylist() for column in rows.sort_by([("event_ts", "ascending"), ("truck_id", "ascending")])]
    for truck, at, temperature, latitude, longitude, reason, file in zip(*columns, strict=True):
        if not any(leg.covers(truck, at) for leg in journey):
            continue
        if reason is None:
            beyond = deviation(temperature, *limits)
            counted.append(Reading(truck, at, temperature, latitude, longitude, beyond, file))
        else:
            outliers.append(Excluded(truck, at, temperature, reason, OutlierReason[reason].value, file, "outlier"))
    return counted, outliers


def deviation(temperature: float, low: float | None, high: float | None) -> float | None:
    """Return the distance of a temperature to its limits in °C; null where there are none, as Gold has it."""
    return None if low is None or high is None else max(low - temperature, temperature - high, 0.0)


def _within(leg: Leg) -> pc.Expression:
    start = leg.starts_at - timedelta(milliseconds=1)
    of_leg = (pc.field("truck_id") == leg.truck_id) & since("event_ts", leg.starts_at)
    of_leg &= pc.field("reading_date") >= pa.scalar(start.date())
    if leg.ends_at is None:
        return of_leg
    return of_leg & before("event_ts", leg.ends_at) & (pc.field("reading_date") <= pa.scalar(leg.ends_at.date()))


def rejected(snapshot: Snapshot, journey: Sequence[Leg]) -> list[Excluded]:
    """Return what the dead letter holds of a journey's readings, in order of time.

    A record whose time cannot be read is among them where it names the truck and came while that was on its way.
    """
    if not journey:
        return []
    first = min(leg.starts_at for leg in journey) - timedelta(days=1)
    where = (pc.field("source_table") == IOT_TELEMETRY.name) & (pc.field("rejection_date") >= pa.scalar(first.date()))
    rows = snapshot.dicts(REJECTED_RECORDS, _LETTER, where & _could_be_of(journey))
    found = [one for row in rows for one in _of_journey(row, journey)]
    return sorted(found, key=lambda one: (one.at is None, one.at or first, one.truck_id, one.where))


def _could_be_of(journey: Sequence[Leg]) -> pc.Expression:
    """Return a condition that every letter of a journey meets and few others do, for Arrow to look through texts.

    The text names a truck. What came when all legs were long over counts by its time only, so it names a day of theirs.
    """
    text = pc.field("raw_payload")
    trucks = "|".join(re.escape(truck) for truck in sorted({leg.truck_id for leg in journey}))
    named = pc.match_substring_regex(text, f"(?i:{trucks})|{_ESCAPE}|{_FOREIGN}")
    arrivals = [last for last in map(_last_arrival, journey) if last is not None]
    days = set().union(*map(_days, journey)) if len(arrivals) == len(journey) else set()
    if not 0 < len(days) <= _MOST_DAYS:
        return named
    in_time = pc.field("rejection_date") <= pa.scalar(max(arrivals).date())
    return named & (in_time | pc.match_substring_regex(text, "|".join([*sorted(days), _ESCAPE])))


def _last_arrival(leg: Leg) -> datetime | None:
    """Return until when what names no readable time is taken for a leg's; None while that is open."""
    return None if leg.ends_at is None else min(leg.ends_at, _END_OF_TIME) + _LATEST_ARRIVAL


def _days(leg: Leg) -> set[str]:
    """Return the days with which a time of a leg that has ended can begin: by its offset it may be a day off.

    They are not complete where they are too many to be looked for.
    """
    last = min((leg.ends_at or leg.starts_at).toordinal() + 1, date.max.toordinal())
    first = max(leg.starts_at.toordinal() - 1, 1)
    return {date.fromordinal(day).isoformat() for day in range(first, min(last, first + _MOST_DAYS) + 1)}


def _of_journey(letter: Row, journey: Sequence[Leg]) -> Iterator[Excluded]:
    text = letter["raw_payload"] or ""
    record = _record(text)
    truck = record.get("truck_id")
    plate = truck.strip().upper() if isinstance(truck, str) else ""
    stamp = record.get("timestamp")
    at = instant(stamp.strip()) if isinstance(stamp, str) else None
    for leg in journey:
        if at is None:
            came = letter["rejected_at"]
            last = _last_arrival(leg)
            named = plate == leg.truck_id or (not record and leg.truck_id in text.upper())
            fits = named and leg.starts_at <= came and (last is None or came < last)
        else:
            fits = leg.covers(plate, at)
        if fits:
            reason = letter["rejection_reason"]
            explained = letter["rejection_detail"] or Reason[reason].value
            yield Excluded(
                leg.truck_id, at, _number(record), reason, explained, letter["source_file"], letter["source_key"]
            )
            return


def _record(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(record: dict[str, Any]) -> float | None:
    value = record.get("temperature")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6 else None
