"""A letter's payload with a correction in it: a telemetry record's text, or a row's values in their types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from smart_logistics.contracts.source import SourceTable
from smart_logistics.deadletters.lineage import FIELD
from smart_logistics.errors import ConfigurationError
from smart_logistics.sources.telemetry import instant

_TEXT_FIELDS = ("truck_id", "timestamp")
# Beyond this Python refuses to read an integer; a double it is all the same.
_MOST_DIGITS = 1000


class WrongCorrection(ConfigurationError):
    """A correction cannot be applied: it names no column, or a value is not of its column's type."""


@dataclass(frozen=True)
class Correction:
    """What a person wants changed: a whole payload, or single values as ``--set`` gives them, or both."""

    payload: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.payload is not None or bool(self.values)


def record_text(original: str, correction: Correction, record_id: str) -> str | None:
    """Return the record to be taken, on one line; None where the original is no JSON object and stays so.

    Raises:
        WrongCorrection: there is a correction, but no JSON object that it could be applied to.
    """
    text = original if correction.payload is None else correction.payload
    value = _parsed(text)
    if not isinstance(value, dict):
        if correction:
            what = "the letter's payload" if correction.payload is None else "the payload given"
            raise WrongCorrection(f"{what} is not one JSON object", remedy="give the whole record with --payload")
        return None
    changed = value | {name: _field_value(name, text) for name, text in correction.values.items()}
    return json.dumps(changed | {FIELD: record_id})


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _field_value(name: str, text: str) -> Any:
    if name in _TEXT_FIELDS:
        return None if text == "null" else text
    return _json_or_text(text, float)


def _json_or_text(text: str, number: Callable[[str], Any]) -> Any:
    try:
        return json.loads(text, parse_float=number, parse_int=_integer)
    except (ValueError, RecursionError):
        return text


def row_values(payload: str, correction: Correction, source: SourceTable, schema: pa.Schema) -> dict[str, Any]:
    """Return the source's columns of a corrected row and ``_rescued_data``; ``schema`` is that of its Bronze table.

    Raises:
        WrongCorrection: it names no column or changes the key, or a value is not of its column's type.
    """
    row = _object(payload, "the letter's payload")
    changes = {} if correction.payload is None else _object(correction.payload, "the payload given")
    for name, text in correction.values.items():
        is_text = name in schema.names and pa.types.is_string(schema.field(name).type)
        changes[name] = (None if text == "null" else text) if is_text else _json_or_text(text, Decimal)
    columns = [name for name in schema.names if not name.startswith("_")]
    unknown = sorted(changes.keys() - set(columns))
    if unknown:
        raise WrongCorrection(
            f"{source.name} has no column {', '.join(unknown)}", remedy=f"its columns are {', '.join(columns)}"
        )
    if source.key in changes and changes[source.key] != row.get(source.key):
        raise WrongCorrection(
            f"{source.key} is the key of {source.name}: another key is another row",
            remedy="correct the key in the source; the next extraction takes it",
        )
    rescued = {name: why for name, why in _rescued(row).items() if name not in changes}
    merged = row | changes
    values = {name: _typed(name, merged.get(name), schema.field(name).type) for name in columns}
    return values | {"_rescued_data": json.dumps(rescued) if rescued else None}


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=Decimal, parse_int=_integer)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WrongCorrection(f"{what} is not one JSON object", remedy="give the row's columns as a JSON object")
    return value


def _rescued(row: Mapping[str, Any]) -> dict[str, Any]:
    text = row.get("_rescued_data")
    return _object(text, "_rescued_data") if isinstance(text, str) else {}


def _typed(name: str, value: Any, type_: pa.DataType) -> Any:
    """Return a JSON value as Arrow wants it, strictly: nothing is rounded, cut or guessed."""
    if value is None:
        return None
    fits: Any = None
    if pa.types.is_timestamp(type_):
        fits = instant(value) if isinstance(value, str) else None
    elif pa.types.is_floating(type_):
        fits = _double(value)
    elif pa.types.is_decimal(type_):
        fits = _decimal(value)
    elif pa.types.is_boolean(type_):
        fits = value if isinstance(value, bool) else None
    elif pa.types.is_integer(type_):
        fits = value if isinstance(value, int) and not isinstance(value, bool) else None
    elif pa.types.is_string(type_):
        fits = value if isinstance(value, str) else None
    try:
        pa.scalar(fits, type_)
    except (pa.ArrowException, OverflowError):
        fits = None
    if fits is None:
        raise WrongCorrection(f"{name}={json.dumps(value, default=str)[:100]} is not a {type_}", remedy=_FORMS)
    return fits


_FORMS = "numbers as 12.5, times as 2026-11-24T10:00:00Z, truth as true or false, nothing as null"


def _double(value: Any) -> float | None:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    # NaN and the infinities, as Spark writes them.
    return float(value) if is_number or value in ("NaN", "Infinity", "-Infinity") else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
