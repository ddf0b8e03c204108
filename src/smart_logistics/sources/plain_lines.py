"""Telemetry lines of a plain form, read in vectors: what the strict parser would say of them, in a tenth of its time.

A line is plain where it has the members of its file's first record, in that order, and nothing in it needs a decision:
ASCII, no escapes, texts and numbers of ordinary length, an instant in UTC that is on every calendar. Anything else is
for the strict parser (``pieces`` and ``telemetry``), line by line. tests/unit/sources/test_plain_lines.py holds that
the two never differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.sources import deep_json

_TEXT = r'"[ !#-\[\]-~]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
_DAY = (
    r"(?:19|20)[0-9]{2}-(?:"
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_SECOND = rf"{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FIELDS: Mapping[str, str] = {
    "truck_id": r'"(?P<truck_id>[!#-\[\]-~][ !#-\[\]-~]*)"',
    "timestamp": rf'"(?P<timestamp>(?P<second>{_SECOND})(?:\.(?P<fraction>[0-9]{{1,9}}))?Z?)"',
    "temperature": rf"(?P<temperature>{_NUMBER})",
    "latitude": rf"(?P<latitude>{_NUMBER})",
    "longitude": rf"(?P<longitude>{_NUMBER})",
}
_OTHER = rf"(?:{_TEXT}|{_NUMBER}|true|false|null)"
# The names of the fields alone are longer.
LEAST_BYTES = 64
_PLAIN_NAME = re.compile("[A-Za-z0-9_]{1,64}")
_MOST_MEMBERS = 32


def pattern(first: bytes) -> str | None:
    """Return the pattern of lines that are plain as the ``first`` of their file is; None where it is not plain."""
    try:
        record = deep_json.decode(first.decode("ascii"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    if not isinstance(record, dict) or not record.keys() >= _FIELDS.keys() or len(record) > _MOST_MEMBERS:
        return None
    if not all(_PLAIN_NAME.fullmatch(name) for name in record):
        return None
    members = (rf'[ \t]*"{name}"[ \t]*:[ \t]*{_FIELDS.get(name, _OTHER)}[ \t]*' for name in record)
    return rf"^\{{{','.join(members)}\}}$"


def columns(lines: pa.BinaryArray, wanted: str) -> tuple[pa.BooleanArray, dict[str, pa.Array]]:
    """Return which lines match the pattern, and of these the columns of ``telemetry.Fields`` and ``raw_payload``."""
    found = pc.extract_regex(lines, wanted)
    is_plain = found.is_valid()
    found = found.filter(is_plain)
    text = {field.name: found.field(field.name).cast(pa.string()) for field in found.type}
    second = text["second"].cast(pa.timestamp("us")).cast(pa.int64())
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(text["fraction"], 6, "0"), 0, 6)
    moment = pc.add(second, digits.cast(pa.int64())).cast(pa.timestamp("us"))
    return is_plain, {
        "truck_id": text["truck_id"],
        "timestamp": text["timestamp"],
        "event_ts": moment.cast(pa.timestamp("us", tz="UTC")),
        **{name: text[name].cast(pa.float64()) for name in ("temperature", "latitude", "longitude")},
        "reading_date": moment.cast(pa.date32()),
        "raw_payload": lines.filter(is_plain).cast(pa.string()),
    }
