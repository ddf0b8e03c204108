"""The chain: how an entry is encoded and hashed, and what is wrong with a chain that is not what was written.

The encoding is described in docs/reports.md so that anybody can check a chain without this code; it never changes. A
new column would come with a new number in ``format``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.contracts.model import Table
from smart_logistics.errors import ConfigurationError

FORMAT = 1
GENESIS = "0" * 64
COVERED: tuple[str, ...] = EXCURSION_DISPOSITIONS.column_names[:-1]
_HASH = EXCURSION_DISPOSITIONS.column_names[-1]
_ANCHOR = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Anchor:
    """An entry's number and hash that somebody noted outside of the lakehouse, as in an earlier report."""

    entry_no: int
    entry_hash: str

    @staticmethod
    def parse(text: str) -> Anchor:
        """Read ``NUMBER:HASH``.

        Raises:
            ConfigurationError: it is something else.
        """
        read = _ANCHOR.fullmatch(text.strip().lower())
        if read is None:
            raise ConfigurationError(
                f"{text!r} is no NUMBER:HASH", remedy="take it as `logistics verify` or a report prints it"
            )
        return Anchor(int(read[1]), read[2])


@dataclass(frozen=True)
class Broken:
    """The first entry at which a chain is not what was written, and what is wrong there."""

    entry_no: int
    why: str


@dataclass(frozen=True)
class Verdict:
    """How many entries there are, the hash of the last one, and where the chain breaks."""

    entries: int
    head: str
    broken: Broken | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


def encoded(row: Row, names: Iterable[str] = COVERED, table: Table = EXCURSION_DISPOSITIONS) -> bytes:
    """Return columns of a row as the bytes that are hashed: one ``name:type:length:text`` a line.

    ``length`` counts the bytes of ``text``, so that no text can be mistaken for the end of it.
    """
    return b"".join(_field(name, table.column(name).type, row[name]) for name in names)


def _field(name: str, type_: str, value: Any) -> bytes:
    if value is None:
        type_, text = "null", b""
    else:
        text = _text(type_, value).encode()
    return f"{name}:{type_}:{len(text)}:".encode() + text + b"\n"


def _text(type_: str, value: Any) -> str:
    match type_:
        case "double":
            return struct.pack(">d", value).hex()
        case "timestamp":
            return _instant(value)
        case "int" | "bigint":
            return str(int(value))
        case "string":
            return str(value)
    raise ValueError(f"no encoding is declared for {type_}")


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def entry_hash(row: Row) -> str:
    """Return the SHA-256 of an entry as hexadecimal digits."""
    return sha256(encoded(row)).hexdigest()


def sealed(row: Row, before: Row | None) -> dict[str, Any]:
    """Return an entry with the hash of the entry before it and its own."""
    linked = {**row, "format": FORMAT, "previous_hash": GENESIS if before is None else before[_HASH]}
    return {**linked, _HASH: entry_hash(linked)}


def verify(rows: Sequence[Row], *, written: int, expected: Anchor | None = None) -> Verdict:
    """Check a whole table of entries, in whatever order they come.

    ``written`` is how many entries were ever written, as the table's log remembers it beside the rows; ``expected`` is
    what somebody remembers outside of the lakehouse.
    """
    entries = sorted(rows, key=lambda row: (row["entry_no"], row[_HASH]))
    head = entries[-1][_HASH] if entries else GENESIS
    broken = _first_broken(entries) or _wrong_end(len(entries), written)
    if expected is not None and (broken is None or broken.entry_no > expected.entry_no):
        broken = _unlike(entries, expected) or broken
    return Verdict(len(entries), head, broken)


def _first_broken(entries: Sequence[Row]) -> Broken | None:
    before = GENESIS
    for number, row in enumerate(entries, 1):
        if row["entry_no"] < number:
            return Broken(row["entry_no"], "is there more than once: an entry was inserted")
        if row["entry_no"] > number:
            return Broken(number, f"is missing: the next one there is entry {row['entry_no']}")
        if row["format"] != FORMAT:
            return Broken(number, f"is of format {row['format']}, which is not known here")
        if entry_hash(row) != row[_HASH]:
            return Broken(number, "is not what was hashed: a value of it was changed")
        if row["previous_hash"] != before:
            return Broken(number, "does not follow from the entry before it: that one was changed, moved or replaced")
        before = row[_HASH]
    return None


def _wrong_end(entries: int, written: int) -> Broken | None:
    if entries < written:
        return Broken(entries + 1, f"is missing at the end: the table's log knows of {written}")
    if entries > written:
        return Broken(written + 1, f"was not written as entries are: the table's log knows of {written}")
    return None


def _unlike(entries: Sequence[Row], expected: Anchor) -> Broken | None:
    number = expected.entry_no
    if number > len(entries):
        return Broken(len(entries) + 1, f"is missing at the end: entry {number} was seen before")
    if entries[number - 1][_HASH] != expected.entry_hash:
        return Broken(number, "has another hash than was seen before: it or one before it was replaced")
    return None
