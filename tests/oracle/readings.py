"""Contract §5, Silver ``iot_telemetry``: judged records, the first of each key, outlier flags."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.files import LoggedFile
from tests.oracle.model import DeadLetter, Row, Rules

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
NEIGHBOUR_WITHIN = timedelta(hours=6)
SPEED_LIMIT_KMH = 150.0
EARTH_RADIUS_KM = 6371.0088

_TEXTS = ("truck_id", "timestamp")
_NUMBERS = ("temperature", "latitude", "longitude")
_CRITICAL = ("truck_id", "timestamp", "temperature")
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))?"
)


@dataclass(frozen=True)
class Reading:
    """A valid record, before duplicates and outliers are told apart."""

    truck_id: str
    event_ts: datetime
    temperature: float
    latitude: float | None
    longitude: float | None
    source_file: str


def telemetry(log: Sequence[LoggedFile], rules: Rules) -> tuple[list[Row], list[DeadLetter]]:
    """Return Silver's rows and the dead letters of all records, for files in the order of taking."""
    kept: dict[tuple[str, datetime], Reading] = {}
    letters = []
    for file in log:
        for record in file.records:
            reason, reading = "MALFORMED_JSON", None
            if record.value is not None:
                reason, reading = judge(record.value, file.name, file.taken_at + rules.clock_skew)
            if reading is not None:
                key = (reading.truck_id, reading.event_ts)
                if kept.setdefault(key, reading) is reading:
                    continue
                reason = "DUPLICATE_DETECTED"
            letters.append(
                DeadLetter(
                    source_table="iot_telemetry",
                    source_key=f"{file.name}:{record.position}",
                    source_file=file.name,
                    reason=reason,
                    layer="bronze" if record.value is None else "silver",
                    ingested_at=file.taken_at,
                    raw_payload=None if record.value is None else record.text,
                )
            )
    return flagged(kept.values()), letters


def judge(record: dict[str, Any], file: str, latest: datetime) -> tuple[str, Reading | None]:
    """Return why a record is rejected (empty where it is not), and its reading; ``latest`` bounds event_ts."""
    value = {name: _present(record.get(name)) for name in (*_TEXTS, *_NUMBERS)}
    if not all(_is_text(value[name]) for name in _TEXTS) or not all(_is_number(value[name]) for name in _NUMBERS):
        return "SCHEMA_VALIDATION_FAILED", None
    event_ts = None
    if value["timestamp"] is not None:
        event_ts = instant(value["timestamp"])
        if event_ts is None:
            return "SCHEMA_VALIDATION_FAILED", None
    if any(value[name] is None for name in _CRITICAL) or event_ts is None:
        return "NULL_CRITICAL_FIELD", None
    if not EARLIEST <= event_ts <= latest:
        return "BUSINESS_RULE_VIOLATION", None
    truck = value["truck_id"].strip().upper()
    return "", Reading(truck, event_ts, value["temperature"], value["latitude"], value["longitude"], file)


def instant(text: str) -> datetime | None:
    """Read ``YYYY-MM-DDTHH:MM:SS[.1–9 digits][Z|±HH:MM]`` as UTC; None where it is not that or not in years 1–9999."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    *parts, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    try:
        local = datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")[:6]), tzinfo=UTC)
        if sign is None:
            return local
        if int(hours) > 23 or int(minutes) > 59:
            return None
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return local - ahead if sign == "+" else local + ahead
    except (ValueError, OverflowError):
        return None


def reading_date_source(record: dict[str, Any]) -> datetime | None:
    """Return the instant from which Bronze takes reading_date, None where the time is unreadable."""
    text = _present(record.get("timestamp"))
    return instant(text) if isinstance(text, str) else None


def flagged(readings: Iterable[Reading]) -> list[Row]:
    """Return readings as Silver rows, with the first outlier reason that applies."""
    reasons: dict[tuple[str, datetime], str] = {}
    trucks: dict[str, list[Reading]] = defaultdict(list)
    everything = list(readings)
    for reading in everything:
        reason = _range_reason(reading)
        if reason is not None:
            reasons[reading.truck_id, reading.event_ts] = reason
        elif reading.latitude is not None and reading.longitude is not None:
            trucks[reading.truck_id].append(reading)
    for of_truck in trucks.values():
        of_truck.sort(key=lambda reading: reading.event_ts)
        for at, reading in enumerate(of_truck):
            near = [
                other
                for other in (*of_truck[max(at - 1, 0) : at], *of_truck[at + 1 : at + 2])
                if _are_near(reading, other)
            ]
            if near and all(speed_kmh(reading, other) > SPEED_LIMIT_KMH for other in near):
                reasons[reading.truck_id, reading.event_ts] = "SPEED"
    return [_row(reading, reasons.get((reading.truck_id, reading.event_ts))) for reading in everything]


def speed_kmh(one: Reading, other: Reading) -> float:
    """Return the great-circle speed between two readings with coordinates at different instants."""
    assert one.latitude is not None
    assert one.longitude is not None
    assert other.latitude is not None
    assert other.longitude is not None
    phi, psi = math.radians(one.latitude), math.radians(other.latitude)
    turn = math.radians(other.longitude - one.longitude)
    chord = math.sin((psi - phi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin(turn / 2) ** 2
    distance = 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
    return distance / (abs(other.event_ts - one.event_ts) / timedelta(hours=1))


def _present(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _is_text(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _range_reason(reading: Reading) -> str | None:
    if reading.temperature < -40 or reading.temperature > 60:
        return "TEMPERATURE_RANGE"
    if reading.latitude is not None and abs(reading.latitude) > 90:
        return "GPS_RANGE"
    if reading.longitude is not None and abs(reading.longitude) > 180:
        return "GPS_RANGE"
    return None


def _are_near(one: Reading, other: Reading) -> bool:
    return abs(one.event_ts - other.event_ts) <= NEIGHBOUR_WITHIN


def _row(reading: Reading, reason: str | None) -> Row:
    return {
        "truck_id": reading.truck_id,
        "event_ts": reading.event_ts,
        "temperature": reading.temperature,
        "latitude": reading.latitude,
        "longitude": reading.longitude,
        "is_outlier": reason is not None,
        "outlier_reason": reason,
        "source_file": reading.source_file,
        "reading_date": reading.event_ts.date(),
    }
