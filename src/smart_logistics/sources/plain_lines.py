"""Telemetry lines of a plain form, read in vectors: what the strict parser would say of them, in a quarter of its time.

A line is plain where it has the members of its file's first record, in that order, and nothing in it needs a decision:
no escapes, nothing nested, texts and numbers of ordinary length, an instant in UTC that is on every calendar. Anything
else is for the strict parser (``pieces`` and ``telemetry``), line by line. tests/unit/sources/test_plain_lines.py holds
that the two never differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.sources import deep_json

# Repeats are not counted in the expression: each count multiplies its size, and a large one is matched slowly.
_TEXT = r'"[^"\\\x00-\x1f]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
_DAY = (
    r"(?:19|20)[0-9][0-9]-(?:"
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_SECOND = rf"{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_NUMBERS = ("temperature", "latitude", "longitude")
_FIELDS: Mapping[str, str] = {
    "truck_id": r'"(?P<truck_id>[!#-\[\]-~][ !#-\[\]-~]*)"',
    "timestamp": rf'"(?P<timestamp>{_SECOND}(?:\.[0-9]+)?Z?)"',
    **{name: rf"(?P<{name}>{_NUMBER})" for name in _NUMBERS},
}
_OTHER = rf"(?:{_TEXT}|{_NUMBER}|true|false|null)"
_PLAIN_NAME = re.compile("[A-Za-z0-9_]{1,32}")
# With more of them the expression takes as long as the strict parser.
_MOST_MEMBERS = 10
# Far from what a double cannot hold, and all digits of a fraction.
_MOST_DIGITS, _SECOND_LENGTH, _MOST_OF_AN_INSTANT = (
    32,
    len("2026-01-01T00:00:00"),
    len("2026-01-01T00:00:00.123456789Z"),
)
# The names of the fields alone are longer.
LEAST_BYTES = 64


def pattern(first: bytes) -> str | None:
    """Return the pattern of lines that are plain as the ``first`` of their file is; None where it is not plain."""
    try:
        record = deep_json.decode(first.decode())
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    if not isinstance(record, dict) or not record.keys() >= _FIELDS.keys() or len(record) > _MOST_MEMBERS:
        return None
    if not all(_PLAIN_NAME.fullmatch(name) for name in record):
        return None
    members = (rf'[ \t]*"{name}"[ \t]*:[ \t]*{_FIELDS.get(name, _OTHER)}[ \t]*' for name in record)
    return rf"^\{{{','.join(members)}\}}$"


def columns(lines: pa.BinaryArray, wanted: str) -> tuple[pa.BooleanArray, dict[str, pa.Array]]:
    """Return which lines match the pattern, and of these the columns of ``telemetry.Fields`` and ``raw_payload``.

    The lines are UTF-8.
    """
    found = pc.extract_regex(lines, wanted)
    is_plain = found.is_valid()
    for name, most in {"timestamp": _MOST_OF_AN_INSTANT, **dict.fromkeys(_NUMBERS, _MOST_DIGITS)}.items():
        is_plain = pc.and_(is_plain, pc.less_equal(pc.binary_length(found.field(name)), most))
    found = found.filter(is_plain)
    text = {field.name: found.field(field.name).cast(pa.string()) for field in found.type}
    moment = _moment(text["timestamp"])
    return is_plain, {
        "truck_id": text["truck_id"],
        "timestamp": text["timestamp"],
        "event_ts": moment.cast(pa.timestamp("us", tz="UTC")),
        **{name: text[name].cast(pa.float64()) for name in _NUMBERS},
        "reading_date": moment.cast(pa.date32()),
        "raw_payload": lines.filter(is_plain).cast(pa.string()),
    }


def _moment(timestamp: pa.StringArray) -> pa.TimestampArray:
    """Return instants in microseconds; further digits are cut."""
    second = pc.utf8_slice_codeunits(timestamp, 0, _SECOND_LENGTH).cast(pa.timestamp("us")).cast(pa.int64())
    fraction = pc.utf8_rtrim(pc.utf8_slice_codeunits(timestamp, _SECOND_LENGTH + 1), "Z")
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 6, "0"), 0, 6)
    return pc.add(second, digits.cast(pa.int64())).cast(pa.timestamp("us"))
