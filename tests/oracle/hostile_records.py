"""Hostile telemetry records: readings at every edge of the rules, and single records damaged in every way we know."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.oracle.hostile_rows import HALF_HOUR, LIMITS, MICROSECOND, PLATES, T0
from tests.oracle.model import Row
from tests.oracle.readings import EARTH_RADIUS_KM

_STEPS = (
    timedelta(seconds=1),
    timedelta(minutes=10),
    HALF_HOUR,
    HALF_HOUR,
    timedelta(minutes=60) - MICROSECOND,
    timedelta(minutes=60),
    timedelta(minutes=60) + MICROSECOND,
    timedelta(hours=6),
    timedelta(hours=6) + MICROSECOND,
)
# A distance at exactly 150 km/h is decided by the last bit of a sine; a ten-millionth beside it is not.
_SPEEDS_KMH = (0.0, 60.0, 149.0, 150.0 * (1 - 1e-7), 150.0 * (1 + 1e-7), 400.0)
_STARTS = {PLATES[3]: 90.0, PLATES[4]: -90.0}  # °; at the poles all longitudes are one place
_EDGES = (0.0, 0.1, 2.0, 2.0000001, 5.0, 5.0000001, 30.0)
_COORDINATES: tuple[Row, ...] = (
    {"latitude": None},
    {"longitude": None},
    {"latitude": 90.0000001},
    {"latitude": -90},
    {"longitude": 180.0000001},
    {"longitude": -180, "latitude": None},
    {"latitude": None, "longitude": 200},
    {"latitude": 61.5},
)

ABSENT = object()
# A field's value and what the contract makes of it is the oracle's business: here are only values.
VALUES: Mapping[str, tuple[str, Any]] = {
    "truck_absent": ("truck_id", ABSENT),
    "truck_null": ("truck_id", None),
    "truck_blank": ("truck_id", "\u00a0\u2003\x1c"),
    "truck_number": ("truck_id", 7),
    "truck_boolean": ("truck_id", True),
    "truck_object": ("truck_id", {"plate": "X"}),
    "truck_lone_surrogate": ("truck_id", "MH\ud800"),
    "truck_zero_width": ("truck_id", "\ufeff"),
    "timestamp_absent": ("timestamp", ABSENT),
    "timestamp_blank": ("timestamp", "\u2028"),
    "timestamp_number": ("timestamp", 1772323200),
    "timestamp_without_offset": ("timestamp", "2026-03-01T00:30:00"),
    "timestamp_offset": ("timestamp", "2026-03-01T06:00:00.1234567+05:30"),
    "timestamp_nine_digits": ("timestamp", "2026-03-01T00:30:00.999999999Z"),
    "timestamp_ten_digits": ("timestamp", "2026-03-01T00:30:00.1234567891Z"),
    "timestamp_untrimmed": ("timestamp", "2026-03-01T00:30:00Z "),
    "timestamp_lower_case": ("timestamp", "2026-03-01t00:30:00z"),
    "timestamp_space": ("timestamp", "2026-03-01 00:30:00Z"),
    "timestamp_date": ("timestamp", "2026-03-01"),
    "timestamp_no_seconds": ("timestamp", "2026-03-01T00:30Z"),
    "timestamp_basic_offset": ("timestamp", "2026-03-01T00:30:00+0530"),
    "timestamp_arabic_digits": ("timestamp", "٢٠٢٦-03-01T00:30:00Z"),
    "timestamp_empty_fraction": ("timestamp", "2026-03-01T00:30:00.Z"),
    "timestamp_february_30": ("timestamp", "2026-02-30T00:00:00Z"),
    "timestamp_hour_24": ("timestamp", "2026-03-01T24:00:00Z"),
    "timestamp_leap_second": ("timestamp", "2026-06-30T23:59:60Z"),
    "timestamp_year_0000": ("timestamp", "0000-01-01T00:00:00Z"),
    "timestamp_before_year_1": ("timestamp", "0001-01-01T00:00:00+01:00"),
    "timestamp_after_year_9999": ("timestamp", "9999-12-31T23:30:00-01:00"),
    "timestamp_future": ("timestamp", "2999-01-01T00:00:00Z"),
    "timestamp_last_of_1999": ("timestamp", "1999-12-31T23:59:59.999999Z"),
    "timestamp_first_of_2000": ("timestamp", "2000-01-01T00:00:00Z"),
    "timestamp_offset_into_1999": ("timestamp", "2000-01-01T00:00:00+00:01"),
    "temperature_absent": ("temperature", ABSENT),
    "temperature_null": ("temperature", None),
    "temperature_blank": ("temperature", " "),
    "temperature_text": ("temperature", "7.5"),
    "temperature_boolean": ("temperature", False),
    "temperature_list": ("temperature", [7.5]),
    "temperature_nan": ("temperature", float("nan")),
    "temperature_infinite": ("temperature", float("-inf")),
    "temperature_integer": ("temperature", 7),
    "temperature_long_integer": ("temperature", 10**400),
    "latitude_text": ("latitude", "18.5"),
    "latitude_blank": ("latitude", ""),
    "latitude_nan": ("latitude", float("nan")),
    "longitude_boolean": ("longitude", True),
    "longitude_infinite": ("longitude", float("inf")),
    "other_field_nan": ("humidity", float("nan")),
    "other_field_surrogate": ("note", "\udfff"),
    "other_field_nested": ("meta", {"a": [{"b": [None, [], {}]}] * 3}),
    "other_case": ("Temperature", "cold"),
}
# Text replacements in a sound record's JSON; the needle is always there.
TEXTS: Mapping[str, tuple[bytes, bytes]] = {
    "huge_exponent": (b'"temperature": ', b'"temperature": 1e999, "t": '),
    "five_thousand_digits": (b'"temperature": ', b'"temperature": ' + b"9" * 5000 + b', "t": '),
    "tiny_exponent": (b'"temperature": ', b'"temperature": 1e-999, "t": '),
    "duplicate_key_last_sound": (b'"temperature": ', b'"temperature": "cold", "temperature": '),
    "duplicate_key_last_broken": (b"}", b', "truck_id": 5}'),
    "escaped_key": (b'"temperature"', b'"\\u0074emperature"'),
    "nan_lower_case": (b'"temperature": ', b'"temperature": nan, "t": '),
    "leading_zero": (b'"temperature": ', b'"temperature": 07, "t": '),
    "leading_plus": (b'"temperature": ', b'"temperature": +7, "t": '),
    "trailing_point": (b'"temperature": ', b'"temperature": 7., "t": '),
    "hexadecimal": (b'"temperature": ', b'"temperature": 0x7, "t": '),
    "trailing_comma": (b"}", b",}"),
    "single_quotes": (b'"truck_id"', b"'truck_id'"),
    "comment": (b"{", b"{/* c */"),
    "raw_tab_in_text": (b'"truck_id": "', b'"truck_id": "\t'),
    "raw_delete_in_text": (b'"truck_id": "', b'"truck_id": "\x7f'),
    "line_separator_in_text": (b'"truck_id": "', b'"truck_id": "\xe2\x80\xa8'),
    "bad_escape": (b'"truck_id": "', b'"truck_id": "\\x'),
    "not_utf8_in_text": (b'"truck_id": "', b'"truck_id": "\xff'),
    "latin1_in_other_field": (b"{", b'{"city": "M\xfcnchen", '),
    "encoded_surrogate": (b'"truck_id": "', b'"truck_id": "\xed\xa0\x80'),
    "overlong_encoding": (b'"truck_id": "', b'"truck_id": "\xc0\xaf'),
    "nul_in_text": (b'"truck_id": "', b'"truck_id": "\x00'),
    "nul_after": (b"}", b"}\x00"),
    "bom_before": (b"{", b"\xef\xbb\xbf{"),
    "no_break_space_before": (b"{", b"\xc2\xa0{"),
    "json_space_around": (b"{", b" \t{"),
    "lone_cr_inside": (b"{", b"{\r"),
    "two_objects": (b"}", b'}{"truck_id": "X"}'),
    "cut": (b'"temperature"', b'"tempera'),
    "missing_brace": (b"}", b""),
}
WHOLE: Mapping[str, bytes] = {
    "empty_object": b"{}",
    "null": b"null",
    "number": b"-12.5e3",
    "text": b'"truck"',
    "true": b"true",
    "prose": b"<html>503</html>",
    "deep": b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}",
}
RECORD_DAMAGE = (*VALUES, *TEXTS, *WHOLE)


def encode(record: Row) -> bytes:
    """Return a record as one line of JSON."""
    return json.dumps(record, ensure_ascii=True).encode()


def damaged(kind: str, record: Row) -> bytes:
    """Return ``record`` as a line damaged in the way that ``kind`` of RECORD_DAMAGE names."""
    if kind in VALUES:
        field, value = VALUES[kind]
        changed = {**record, field: value}
        return encode({name: given for name, given in changed.items() if given is not ABSENT})
    if kind in TEXTS:
        needle, text = TEXTS[kind]
        return encode(record).replace(needle, text, 1)
    return WHOLE[kind]


def readings(rng: Random, per_truck: int) -> list[Row]:
    """Return readings of all trucks: gaps, speeds, temperatures, coordinates and instants at the edges of the rules."""
    tracks = {plate: _instants(rng, per_truck) for plate in PLATES}
    tracks[PLATES[2]] = tracks[PLATES[0]]  # two trucks at the same instants
    return [record for plate, instants in tracks.items() for record in _track(rng, plate, instants)]


def _instants(rng: Random, count: int) -> list[datetime]:
    found = [T0 + rng.randrange(8) * HALF_HOUR]
    for _ in range(count - 1):
        edge = T0 + rng.randrange(48) * HALF_HOUR  # assignments begin and end on half hours
        found.append(rng.choice((found[-1] + rng.choice(_STEPS), edge, edge - MICROSECOND)))
    return sorted(found)


def _track(rng: Random, plate: str, instants: list[datetime]) -> list[Row]:
    latitude, before = _STARTS.get(plate, 0.0), instants[0]
    records = []
    for number, at in enumerate(instants):
        kilometres = rng.choice(_SPEEDS_KMH) * min((at - before) / timedelta(hours=1), 6.0)
        latitude += math.degrees(kilometres / EARTH_RADIUS_KM) * (-1 if latitude > 0 else 1)
        record: Row = {
            "truck_id": rng.choice((plate, plate.strip().lower().replace("ß", "SS"))),
            "timestamp": _written(rng, at),
            "temperature": _temperature(rng),
            "latitude": latitude,
            # Where the date line is, two longitudes are one place.
            "longitude": (180.0, -180.0)[number % 2] if plate == PLATES[2] else 77.0,
        }
        if rng.random() < 0.15:
            record |= rng.choice(_COORDINATES)
        records.append(record)
        before = at
    return records


def _written(rng: Random, at: datetime) -> str:
    local = at + timedelta(hours=5, minutes=30)
    return rng.choice(
        (at.isoformat(), at.replace(tzinfo=None).isoformat(), local.replace(tzinfo=None).isoformat() + "+05:30")
    )


def _temperature(rng: Random) -> float:
    if rng.random() < 0.05:
        return rng.choice((-40.0, -40.0000001, 60.0, 60.0000001))
    lowest, highest, _ = rng.choice(LIMITS)
    return rng.choice((float(highest) + rng.choice(_EDGES), float(lowest) - rng.choice(_EDGES), float(lowest)))
