"""Compare what the oracle expects with what a lake holds, and say in words where they differ."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.oracle.model import DeadLetter, Row

if TYPE_CHECKING:
    from tests.oracle.expect import Expected

Read = Callable[[str], Iterable[Mapping[str, Any]]]
"""Full table name to its rows: from Delta, or any list of dicts."""

TOLERANCE = 1e-9
KEYS: dict[str, tuple[str, ...]] = {
    "bronze.processed_files_log": ("file_name", "checksum_md5", "processed_at"),
    "bronze.iot_telemetry": ("source_file", "_ingested_at", "position"),
    "silver.iot_telemetry": ("truck_id", "event_ts"),
    "silver.customers": ("customer_id",),
    "silver.orders": ("order_id",),
    "silver.vehicles": ("vehicle_id",),
    "silver.drivers": ("driver_id",),
    "silver.warehouses": ("warehouse_id",),
    "silver.shipment_types": ("type_name",),
    "silver.truck_assignments": ("assignment_id",),
    "silver.shipment_status_events": ("event_id",),
    "silver.shipments": ("shipment_id", "version"),
    "gold.shipment_analytics": ("shipment_id",),
    "gold.temperature_excursions": ("shipment_id", "excursion_no"),
    "gold.fleet_daily": ("truck_id", "day"),
    "gold.route_daily": ("origin_city", "destination_city", "day"),
}
REJECTED = "bronze.rejected_records"
NOT_COLUMNS = frozenset({"first_event_id"})
IDENTITY = ("shipment_id", "first_event_id")
_TRIMMED = ("raw_payload",)
# What a person did with a letter is not in the sources; its detail says so.
_BY_HAND = re.compile(r"; (sent again|discarded) \(")
CLOSED = frozenset({"REPROCESSED", "DISCARDED"})


@dataclass(frozen=True)
class AnyOf:
    """An expected value of which each of ``values`` is right."""

    values: frozenset[Any]

    def __repr__(self) -> str:
        return "any of " + ", ".join(sorted(map(repr, self.values)))


class _SomeMoment:
    """An expected instant that is not known beforehand."""

    def __repr__(self) -> str:
        return "some instant"


SOME_MOMENT = _SomeMoment()


def differences(
    expected: Expected, read: Read, tables: Iterable[str] = (), *, noticed_moments: bool = False
) -> list[str]:
    """Return one line for each difference, none where the lake is as it must be.

    ``tables`` limits the comparison; by default every expected table and ``bronze.rejected_records`` are compared.
    The moments at which deletes were noticed are compared with ``noticed_moments`` only.
    """
    names = tuple(tables) or (*expected.tables, REJECTED)
    found: list[str] = []
    for name in names:
        if name == REJECTED:
            found += compare_dead_letters(expected.dead_letters, read(name))
            continue
        wanted = expected.tables[name]
        actual = list(read(name))
        if name == "silver.shipments":
            found += surrogate_keys(wanted, actual)
            if not noticed_moments:
                wanted = _moment_left_open(wanted)
        found += compare(name, wanted, actual)
    return found


def compare(
    name: str, expected: Iterable[Mapping[str, Any]], actual: Iterable[Mapping[str, Any]], key: Sequence[str] = ()
) -> list[str]:
    """Compare two lists of rows by key, in the columns that the expected rows have."""
    key = tuple(key) or KEYS[name]
    wanted, present = _by_key(expected, key), _by_key(actual, key)
    lines = [
        f"{name}: the oracle has {len(rows)} rows of {_shown_key(key, at)}"
        for at, rows in wanted.items()
        if len(rows) > 1
    ]
    for at in sorted(wanted.keys() | present.keys(), key=repr):
        here, there = wanted.get(at, []), present.get(at, [])
        if not there:
            lines.append(f"{name}: lacks {_shown_key(key, at)}: {_shown(here[0])}")
        elif not here:
            lines.append(f"{name}: has {_shown_key(key, at)} that should not be: {_shown(there[0])}")
        elif len(there) > 1:
            lines.append(f"{name}: has {len(there)} rows of {_shown_key(key, at)}")
        else:
            lines += [f"{name}: {_shown_key(key, at)}: {text}" for text in _unequal_columns(here[0], there[0])]
    return lines


def same(expected: Any, actual: Any) -> bool:
    """Return whether a value is the expected one: doubles within 1e-9, all others exactly."""
    if isinstance(expected, AnyOf):
        return any(same(value, actual) for value in expected.values)
    if expected is SOME_MOMENT:
        return isinstance(actual, datetime)
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, float) and isinstance(actual, float | int | Decimal):
        return math.isclose(expected, actual, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(expected, datetime) and isinstance(actual, datetime):
        return _utc(expected) == _utc(actual)
    return bool(expected == actual)


def surrogate_keys(expected: Iterable[Row], actual: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return where ``shipment_sk`` is not one value for each (shipment_id, first event) and the other way round."""
    identity = {(row["shipment_id"], row["version"]): tuple(row[name] for name in IDENTITY) for row in expected}
    owner: dict[Any, Any] = {}
    lines = []
    for row in actual:
        of = identity.get((row["shipment_id"], row["version"]))
        key = row.get("shipment_sk")
        if not isinstance(key, int):
            lines.append(f"silver.shipments: shipment_sk of {of} is {key!r}")
        elif of is not None and owner.setdefault(key, of) != of:
            lines.append(f"silver.shipments: shipment_sk {key} stands for {owner[key]} and for {of}")
    return lines


def compare_dead_letters(expected: Iterable[DeadLetter], actual: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare the dead letter: reason, layer, file, status, text and the mark of a superseded one, by key and batch."""
    present: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in actual:
        present[row["source_table"], row["source_key"] or "", _utc(row["_ingested_at"])].append(row)
    lines = []
    for letter in sorted(expected, key=lambda one: (one.source_table, one.source_key, one.ingested_at, one.reason)):
        name = f"{REJECTED}: {letter.source_table} {letter.source_key!r} of {letter.ingested_at.isoformat()}"
        rows = present.get((letter.source_table, letter.source_key, _utc(letter.ingested_at)), [])
        if not rows:
            if letter.required:
                lines.append(f"{name}: lacks the row with {letter.reason}")
            continue
        best = min(rows, key=lambda row: len(list(_letter_faults(letter, row))))
        rows.remove(best)
        lines += [f"{name}: {fault}" for fault in _letter_faults(letter, best)]
    for (table, key, at), rows in present.items():
        for row in rows:
            what = f"{row['rejection_reason']} ({row['rejection_detail']})"
            lines.append(f"{REJECTED}: {table} {key!r} of {at.isoformat()}: should not be rejected: {what}")
    return lines


def _letter_faults(letter: DeadLetter, row: Mapping[str, Any]) -> Iterator[str]:
    for column in ("rejection_reason", "layer", "source_file"):
        wanted = letter.reason if column == "rejection_reason" else getattr(letter, column)
        if row[column] != wanted:
            yield f"{column} is {row[column]!r}, should be {wanted!r}"
    by_hand = _BY_HAND.search(row["rejection_detail"] or "") and row["reprocessing_status"] in CLOSED
    if row["reprocessing_status"] not in letter.statuses and not by_hand:
        yield f"reprocessing_status is {row['reprocessing_status']}, should be {' or '.join(sorted(letter.statuses))}"
    if letter.superseded and not by_hand and not (row["rejection_detail"] or "").endswith("; superseded"):
        yield f"rejection_detail {row['rejection_detail']!r} does not end with '; superseded'"
    if letter.raw_payload is not None and (row["raw_payload"] or "").strip() != letter.raw_payload.strip():
        yield f"raw_payload is {row['raw_payload']!r}, should be {letter.raw_payload!r}"


def _unequal_columns(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[str]:
    for column, wanted in expected.items():
        if column in NOT_COLUMNS:
            continue
        if column not in actual:
            yield f"has no column {column}"
            continue
        value = actual[column]
        if column in _TRIMMED and isinstance(value, str):
            value = value.strip(" \t\r\n")
        if not same(wanted, value):
            yield f"{column} is {value!r}, should be {wanted!r}"


def _moment_left_open(versions: Iterable[Row]) -> list[Row]:
    # The last version of a deleted shipment ends when that was noticed: that it has ended is compared, not when.
    rows = list(versions)
    last = {row["shipment_id"]: row["version"] for row in sorted(rows, key=lambda row: row["version"])}
    ended = [row["is_deleted"] and row["version"] == last[row["shipment_id"]] for row in rows]
    return [
        row | {"effective_end_ts": SOME_MOMENT} if is_ended else row for row, is_ended in zip(rows, ended, strict=True)
    ]


def _by_key(rows: Iterable[Mapping[str, Any]], key: Sequence[str]) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    result: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        result[tuple(_utc(row[name]) if isinstance(row[name], datetime) else row[name] for name in key)].append(row)
    return result


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _shown_key(key: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(
        f"{name}={value.isoformat() if isinstance(value, datetime) else repr(value)}"
        for name, value in zip(key, values, strict=True)
    )


def _shown(row: Mapping[str, Any], limit: int = 300) -> str:
    text = ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)
    return text if len(text) <= limit else text[:limit] + "…"
