"""Contract §5 on readings, computed by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.oracle.files import take
from tests.oracle.model import Rules, TakenFile
from tests.oracle.readings import Reading, flagged, instant, judge, telemetry

LATEST = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
SOUND = {"truck_id": " mh01\u2003", "timestamp": "2026-03-01T00:00:00Z", "temperature": 5.0}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# One degree of latitude is 6371.0088 × π ÷ 180 = 111.195 080 km.
DEGREE_KM = 111.19508023


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-01T06:00:00", "2026-03-01T06:00:00"),
        ("2026-03-01T06:00:00Z", "2026-03-01T06:00:00"),
        ("2026-03-01T06:00:00+05:30", "2026-03-01T00:30:00"),
        ("2026-03-01T06:00:00-23:59", "2026-03-02T05:59:00"),
        ("2026-03-01T06:00:00.5Z", "2026-03-01T06:00:00.500000"),
        ("2026-03-01T06:00:00.999999999", "2026-03-01T06:00:00.999999"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
    ],
)
def test_a_timestamp_is_read_as_utc_and_cut_to_microseconds(text: str, read: str) -> None:
    assert instant(text) == datetime.fromisoformat(read).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01 06:00:00Z",
        "2026-03-01T06:00Z",
        "2026-03-01t06:00:00Z",
        "2026-03-01T06:00:00z",
        "2026-03-01T06:00:00.Z",
        "2026-03-01T06:00:00.1234567891Z",
        "2026-03-01T06:00:00+0530",
        "2026-03-01T06:00:00+05",
        "2026-03-01T06:00:00+24:00",
        "2026-03-01T06:00:00+05:60",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        " 2026-03-01T06:00:00Z",
        "2026-03-01T06:00:00Z\n",
        "٢٠٢٦-03-01T06:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_another_form_or_an_instant_that_is_none_is_unreadable(text: str) -> None:
    assert instant(text) is None


SCHEMA, NULL, RULE = "SCHEMA_VALIDATION_FAILED", "NULL_CRITICAL_FIELD", "BUSINESS_RULE_VIOLATION"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"truck_id": 7}, SCHEMA),
        ({"truck_id": True}, SCHEMA),
        ({"truck_id": "\ud800"}, SCHEMA),
        ({"truck_id": None}, NULL),
        ({"truck_id": "\u3000\x1f"}, NULL),
        ({"truck_id": "\ufeff"}, ""),
        ({"timestamp": 1.0}, SCHEMA),
        ({"timestamp": "soon"}, SCHEMA),
        ({"timestamp": "\u2028"}, NULL),
        ({"temperature": "5"}, SCHEMA),
        ({"temperature": False}, SCHEMA),
        ({"temperature": math.nan}, SCHEMA),
        ({"temperature": math.inf}, SCHEMA),
        ({"temperature": " "}, NULL),
        ({"temperature": [], "truck_id": None}, SCHEMA),
        ({"latitude": "x", "truck_id": None, "timestamp": "1999-01-01T00:00:00"}, SCHEMA),
        ({"latitude": "", "longitude": None}, ""),
        ({"longitude": -math.inf}, SCHEMA),
        ({"truck_id": "", "timestamp": "1999-01-01T00:00:00"}, NULL),
        ({"humidity": math.nan, "Temperature": "x"}, ""),
        ({"timestamp": "2000-01-01T00:00:00Z"}, ""),
        ({"timestamp": "1999-12-31T23:59:59.999999Z"}, RULE),
        ({"timestamp": "2026-04-01T00:10:00Z"}, ""),
        ({"timestamp": "2026-04-01T00:10:00.000001Z"}, RULE),
        ({"temperature": 1e300}, ""),
    ],
)
def test_a_record_has_the_first_reason_that_applies(change: dict[str, Any], reason: str) -> None:
    assert judge(SOUND | change, "file", LATEST)[0] == reason


def test_a_missing_field_is_null() -> None:
    for field in SOUND:
        assert judge({name: value for name, value in SOUND.items() if name != field}, "f", LATEST)[0] == NULL


def test_truck_id_is_trimmed_and_upper_case_without_a_locale() -> None:
    _, reading = judge(SOUND | {"truck_id": "\u00a0straße i\u2003"}, "f", LATEST)
    assert reading is not None
    assert reading.truck_id == "STRASSE I"


def test_the_first_in_order_of_taking_stays_and_the_others_are_duplicates() -> None:
    line = b'{"truck_id":"%s","timestamp":"%s","temperature":%d}\n'
    first = line % (b"a", b"2026-03-01T00:00:00Z", 1) + line % (b"A ", b"2026-03-01T05:30:00+05:30", 2)
    second = b"x\n" + line % (b"A", b"2026-03-01T00:00:00.0000009", 3)
    names = ["iot_telemetry_20260301_000000_1.json", "iot_telemetry_20260301_000000_2.json"]
    files = [TakenFile(name, data, LATEST) for name, data in zip(names, [first, second], strict=True)]
    rows, letters = telemetry(take(files), Rules())
    assert [(row["truck_id"], row["temperature"], row["source_file"]) for row in rows] == [("A", 1.0, names[0])]
    assert [(letter.source_key, letter.reason, letter.layer) for letter in letters] == [
        (f"{names[0]}:2", "DUPLICATE_DETECTED", "silver"),
        (f"{names[1]}:1", "MALFORMED_JSON", "bronze"),
        (f"{names[1]}:2", "DUPLICATE_DETECTED", "silver"),
    ]


def flags(*readings: tuple[float, float | None, float | None, float], truck: str = "A") -> list[str | None]:
    """Outlier reasons of (hours after noon, latitude, longitude, °C), in the given order."""
    made = [Reading(truck, NOON + timedelta(hours=at), celsius, lat, lon, "f") for at, lat, lon, celsius in readings]
    return [row["outlier_reason"] for row in flagged(made)]


def test_the_ranges_hold_at_their_edges_and_temperature_comes_first() -> None:
    assert flags((0, 0, 0, -40), (7, 0, 0, 60), (14, 90, -180, 5)) == [None, None, None]
    assert flags((0, 91, 0, -40.001), (7, 0, 0, 60.001)) == ["TEMPERATURE_RANGE"] * 2
    assert flags((0, 90.001, 0, 5), (7, None, 181, 5), (14, -91, None, 5)) == ["GPS_RANGE"] * 3
    assert flags((0, None, None, 5), (7, None, 180, 5)) == [None, None]


def test_a_spike_between_others_is_flagged_and_they_are_not() -> None:
    assert flags((0, 0, 0, 5), (1, 1, 0, 5), (2, 40, 0, 5), (3, 2, 0, 5), (4, 3, 0, 5)) == [
        None,
        None,
        "SPEED",
        None,
        None,
    ]


def test_a_reading_whose_only_neighbour_is_a_spike_is_flagged_too() -> None:
    assert flags((0, 0, 0, 5), (1, 40, 0, 5), (2, 0, 0, 5), (3, 0, 0, 5)) == ["SPEED", "SPEED", None, None]
    assert flags((0, 0, 0, 5), (1, 40, 0, 5)) == ["SPEED", "SPEED"]


def test_a_single_reading_and_one_far_from_others_are_not_flagged() -> None:
    assert flags((0, 0, 0, 5)) == [None]
    assert flags((0, 0, 0, 5), (6.001, 40, 0, 5)) == [None, None]
    assert flags((0, 0, 0, 5), (6, 40, 0, 5)) == ["SPEED", "SPEED"]


def test_the_speed_limit_is_150_km_an_hour_on_the_great_circle() -> None:
    degrees = 150 / DEGREE_KM
    assert flags((0, 0, 0, 5), (1, degrees * (1 - 1e-7), 0, 5)) == [None, None]
    assert flags((0, 0, 0, 5), (1, degrees * (1 + 1e-7), 0, 5)) == ["SPEED", "SPEED"]
    assert flags((0, 60, 0, 5), (1, 60, 2.69, 5)) == [None, None]  # at 60° a degree of longitude is half as long
    assert flags((0, 60, 0, 5), (1, 60, 2.71, 5)) == ["SPEED", "SPEED"]
    assert flags((0, 0, 179.9, 5), (1, 0, -179.9, 5)) == [None, None]  # across the date line: 22 km


def test_readings_without_coordinates_or_with_other_reasons_are_no_neighbours() -> None:
    assert flags((0, 0, 0, 5), (0.5, None, 0, 5), (0.6, 0, 0, 99), (0.7, 95, 0, 5), (1, 1, 0, 5)) == [
        None,
        None,
        "TEMPERATURE_RANGE",
        "GPS_RANGE",
        None,
    ]
    assert flags((0, 0, 0, 5), (0.5, None, 0, 5), (1, 40, 0, 5)) == ["SPEED", None, "SPEED"]


def test_the_order_of_arrival_does_not_matter_to_speed() -> None:
    track = [(0, 0.0, 0.0, 5.0), (1, 1.0, 0.0, 5.0), (2, 40.0, 0.0, 5.0), (3, 2.0, 0.0, 5.0)]
    forwards = dict(zip(track, flags(*track), strict=True))
    assert dict(zip(reversed(track), flags(*reversed(track)), strict=True)) == forwards
