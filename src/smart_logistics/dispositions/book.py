"""The book of dispositions: read, checked, and written exactly once under the table's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

from deltalake import DeltaTable

from smart_logistics.contracts.dispositions import APP, EXCURSION_DISPOSITIONS, Decision, Via
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.dispositions import chain, seen
from smart_logistics.dispositions.chain import Anchor, Broken, Verdict
from smart_logistics.errors import ConfigurationError, LakeDamaged, LockHeld
from smart_logistics.lake import scanning, small, tables
from smart_logistics.lake.conditions import ALL, Condition, Where

MOST_REASON, MOST_KEY = 2_000, 200
# On object storage no lock keeps a second writer out: whoever comes second reads again.
_TRIES = 20
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
Row = dict[str, Any]


class NoSuchExcursion(ConfigurationError):
    """The shipment has no excursion of this number."""


class ExcursionChanged(ConfigurationError):
    """The excursion is not any more what the one who decides has seen."""


class KeyTaken(ConfigurationError):
    """Another decision was written down under the same key."""


class WrongRequest(ConfigurationError):
    """A request lacks something, or has too much of it."""


@dataclass(frozen=True)
class Request:
    """A decision to be written down. ``key`` makes it one request however often it comes.

    ``seen`` is the ``mark`` of the excursion that its author looked at; None where they look at it right now.
    """

    key: str
    shipment_id: str
    excursion_no: int
    decision: Decision
    reason: str
    author: str
    via: Via
    seen: str | None = None


@dataclass(frozen=True)
class Written:
    """The entry of a request, and whether it was added by this call."""

    entry: Row
    is_new: bool


def decide(lakehouse: str, request: Request, *, now: datetime | None = None) -> Written:
    """Write a decision down, chained to the entry before; a request that is repeated adds nothing.

    Raises:
        WrongRequest: a text is blank or too long.
        NoSuchExcursion: there is none of this number.
        ExcursionChanged: it is not what was seen.
        KeyTaken: the key belongs to another decision.
        LockHeld: another writer keeps the table for too long.
        LakeDamaged: the table is not what was committed.
    """
    request = _whole(request)
    with tables.writing(lakehouse, EXCURSION_DISPOSITIONS):
        tables.ensure(lakehouse, EXCURSION_DISPOSITIONS, locked=True)
        for _ in range(_TRIES):
            found = DeltaTable(tables.uri(lakehouse, EXCURSION_DISPOSITIONS))
            entries = _rows(lakehouse, EXCURSION_DISPOSITIONS, found)
            if there := [row for row in entries if row["request_id"] == request.key]:
                return Written(_repeated(request, there[0]), is_new=False)
            entry = _next(lakehouse, request, entries, _written(found), now or datetime.now(UTC))
            if small.append_next(found, EXCURSION_DISPOSITIONS, [entry], app=APP, stamp=entry["entry_no"]):
                return Written(entry, is_new=True)
    raise LockHeld("others write dispositions all the time", remedy="try again")


def entries(lakehouse: str, *, shipment_id: str | None = None, version: int | None = None) -> list[Row]:
    """Return the entries in their order, of one shipment or all, as of a version of the table or now."""
    found = tables.open_table(lakehouse, EXCURSION_DISPOSITIONS, version)
    where: Where = ALL if shipment_id is None else [[("shipment_id", "=", shipment_id)]]
    rows = [] if found is None else _rows(lakehouse, EXCURSION_DISPOSITIONS, found, where)
    return sorted(rows, key=lambda row: int(row["entry_no"]))


def verify(lakehouse: str, *, version: int | None = None, expected: Anchor | None = None) -> Verdict:
    """Check the chain as of a version of the table, or now: see ``chain.verify``.

    Now, a log that has lost commits breaks it too, before what they held is known.
    """
    found = tables.open_table(lakehouse, EXCURSION_DISPOSITIONS, version)
    rows = [] if found is None else _rows(lakehouse, EXCURSION_DISPOSITIONS, found)
    written = 0 if found is None else _written(found)
    verdict = chain.verify(rows, written=written, expected=expected)
    try:
        if version is None:
            tables.check(lakehouse, EXCURSION_DISPOSITIONS)
    except LakeDamaged as damage:
        verdict = replace(verdict, broken=verdict.broken or Broken(verdict.entries + 1, f"may be lost: {damage}"))
    return verdict


def excursions(lakehouse: str, shipment_id: str, *, version: int | None = None) -> list[Row]:
    """Return a shipment's excursions in the order of their numbers."""
    found = tables.open_table(lakehouse, TEMPERATURE_EXCURSIONS, version)
    where: Where = [[("shipment_id", "=", shipment_id)]]
    rows = [] if found is None else _rows(lakehouse, TEMPERATURE_EXCURSIONS, found, where)
    return sorted(rows, key=lambda row: int(row["excursion_no"]))


def _rows(lakehouse: str, table: Table, found: DeltaTable, where: Where = ALL) -> list[Row]:
    read: list[Row] = scanning.rows(lakehouse, table, found, where).to_pylist()
    return read


def _written(found: DeltaTable) -> int:
    return found.transaction_version(APP) or 0


def _next(lakehouse: str, request: Request, there: Sequence[Row], written: int, now: datetime) -> Row:
    """Return the entry to be added: after the last that was ever written, even where that one is gone."""
    last = max(there, key=lambda row: int(row["entry_no"]), default=None)
    number = max(written, 0 if last is None else last["entry_no"]) + 1
    return chain.sealed(_facts(lakehouse, request) | {"entry_no": number, "decided_at": now}, last)


def _facts(lakehouse: str, request: Request) -> Row:
    """Return what is written down about a request and of the excursion as it is now."""
    versions = {}
    found: dict[str, Row] = {}
    same: Condition = ("shipment_id", "=", request.shipment_id)
    for table, conditions in (
        (TEMPERATURE_EXCURSIONS, [same, ("excursion_no", "=", request.excursion_no)]),
        (SHIPMENT_ANALYTICS, [same]),
    ):
        opened = tables.open_table(lakehouse, table)
        rows = [] if opened is None else _rows(lakehouse, table, opened, [conditions])
        if opened is None or not rows:
            raise NoSuchExcursion(
                f"shipment {request.shipment_id!r} has no excursion {request.excursion_no}",
                remedy="see gold.temperature_excursions",
            )
        versions[table.full_name], found[table.full_name] = opened.version(), rows[0]
    excursion, shipment = found[TEMPERATURE_EXCURSIONS.full_name], found[SHIPMENT_ANALYTICS.full_name]
    if request.seen is not None and request.seen != seen.mark(excursion):
        raise ExcursionChanged(
            f"excursion {request.excursion_no} of shipment {request.shipment_id!r} has changed since it was shown",
            remedy="look at it again, then decide",
        )
    return {
        "request_id": request.key,
        "author": request.author,
        "via": request.via.value,
        "decision": request.decision.value,
        "reason": request.reason,
        "shipment_id": request.shipment_id,
        "excursion_no": request.excursion_no,
        **{name: excursion[name] for name in seen.FACTS},
        "min_threshold": shipment["min_threshold"],
        "max_threshold": shipment["max_threshold"],
        "excursions_version": versions[TEMPERATURE_EXCURSIONS.full_name],
        "analytics_version": versions[SHIPMENT_ANALYTICS.full_name],
    }


def _repeated(request: Request, entry: Row) -> Row:
    asked = (request.shipment_id, request.excursion_no, request.decision.value, request.reason, request.author)
    if asked != tuple(entry[name] for name in ("shipment_id", "excursion_no", "decision", "reason", "author")):
        raise KeyTaken(
            f"the key {request.key!r} belongs to entry {entry['entry_no']}, which says something else",
            remedy="give another decision another key",
        )
    return entry


def _whole(request: Request) -> Request:
    texts = {"key": MOST_KEY, "reason": MOST_REASON, "author": MOST_KEY}
    for name, most in texts.items():
        text = getattr(request, name).strip()
        if not text:
            raise WrongRequest(f"the {name} is blank", remedy="say why: it stays with the decision")
        if len(text) > most:
            raise WrongRequest(f"the {name} has {len(text)} characters, {most} are allowed", remedy="shorten it")
        if not all(map(_is_text, text)):
            raise WrongRequest(f"the {name} holds characters that are no text", remedy="write it anew")
    return Request(
        request.key.strip(),
        request.shipment_id,
        request.excursion_no,
        request.decision,
        "\n".join(request.reason.strip().splitlines()),
        request.author.strip(),
        request.via,
        request.seen,
    )


def _is_text(character: str) -> bool:
    """Whether a character is neither a control, but for line breaks and tabs, nor turns the text around it."""
    return (category(character) not in ("Cc", "Cs") and character not in _TURNING) or character in "\n\r\t"
