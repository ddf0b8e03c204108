"""What an entry remembers of its excursion, and what has become of that excursion since.

New data may change an excursion: a late reading makes it longer or splits it, and the numbers of those after it move.
An entry says what was decided upon, so it is found again by its time, not by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.contracts.gold import TEMPERATURE_EXCURSIONS
from smart_logistics.dispositions import chain

Row = Mapping[str, Any]

# What makes an excursion the one that it was. Its number is none of it: that changes with others.
FACTS: tuple[str, ...] = (
    "truck_id",
    "started_at",
    "ended_at",
    "minutes",
    "reading_count",
    "peak_temperature",
    "peak_deviation",
    "peak_at",
    "severity",
)
assert {*FACTS} <= {*TEMPERATURE_EXCURSIONS.column_names} & {*EXCURSION_DISPOSITIONS.column_names}  # noqa: S101


@dataclass(frozen=True)
class Change:
    """A fact that is another now than it was when it was decided upon."""

    fact: str
    then: Any
    now: Any


@dataclass(frozen=True)
class Standing:
    """What has become of an entry's excursion: None where there is none at its time any more."""

    excursion: Row | None
    changes: tuple[Change, ...] = ()

    @property
    def is_as_decided(self) -> bool:
        """Whether the excursion is still what was decided upon."""
        return self.excursion is not None and not self.changes


def mark(excursion: Row) -> str:
    """Return a short digest of an excursion's facts: whoever decides sends back that of what they saw."""
    return sha256(chain.encoded(excursion, ("shipment_id", *FACTS), TEMPERATURE_EXCURSIONS)).hexdigest()[:32]


def standing(entry: Row, excursions: Sequence[Row]) -> Standing:
    """Return what an entry's excursion is among those that its shipment has now."""
    found = _same(entry, excursions)
    if found is None:
        return Standing(None)
    return Standing(found, tuple(Change(f, entry[f], found[f]) for f in FACTS if entry[f] != found[f]))


def _same(entry: Row, excursions: Sequence[Row]) -> Row | None:
    """Return the excursion that began when the entry's did, else the one that has most of its time."""
    for one in excursions:
        if one["started_at"] == entry["started_at"]:
            return one
    shared = [
        (min(one["ended_at"], entry["ended_at"]) - max(one["started_at"], entry["started_at"]), -number)
        for number, one in enumerate(excursions)
        if one["started_at"] <= entry["ended_at"] and one["ended_at"] >= entry["started_at"]
    ]
    return excursions[-max(shared)[1]] if shared else None


def last_of_each(entries: Sequence[Row], excursions: Sequence[Row]) -> dict[int, Row]:
    """Return the last entry about each excursion that has one, by the excursion's number of now."""
    found: dict[int, Row] = {}
    for entry in sorted(entries, key=lambda row: row["entry_no"]):
        excursion = standing(entry, excursions).excursion
        if excursion is not None:
            found[excursion["excursion_no"]] = entry
    return found
