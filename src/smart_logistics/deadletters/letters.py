"""Reading the dead letter, and the one way in which a person's decision is written into it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import IOT_TELEMETRY, REJECTED_RECORDS
from smart_logistics.contracts.rules import OPEN, Reprocessing
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import scanning, small, tables

ANY = tuple(status.value for status in Reprocessing)
_NEWEST_FIRST = [("rejected_at", "descending"), ("source_table", "ascending"), ("source_key", "ascending")]


@dataclass(frozen=True)
class Wanted:
    """Which letters: those that every given filter holds for. Without ``statuses`` the open ones."""

    ids: tuple[str, ...] = ()
    table: str | None = None
    reason: str | None = None
    layer: str | None = None
    statuses: tuple[str, ...] = OPEN
    file: str | None = None
    run: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def condition(self) -> pc.Expression:
        """Return the filters as one expression."""
        found = pc.field("reprocessing_status").isin(self.statuses)
        equal = {
            "source_table": self.table,
            "rejection_reason": self.reason,
            "layer": self.layer,
            "source_file": self.file,
            "run_id": self.run,
        }
        for column, value in equal.items():
            if value is not None:
                found &= pc.field(column) == value
        if self.ids:
            found &= pc.field("record_id").isin(list(self.ids))
        if self.since is not None:
            found &= (pc.field("rejected_at") >= self.since) & (pc.field("rejection_date") >= self.since.date())
        if self.until is not None:
            found &= (pc.field("rejected_at") < self.until) & (pc.field("rejection_date") <= self.until.date())
        if self.text is not None:
            found &= pc.match_substring(pc.field("rejection_detail"), self.text, ignore_case=True)
        return found


@dataclass(frozen=True)
class Letter:
    """One dead letter, its columns by shorter names."""

    record_id: str
    table: str
    file: str | None
    key: str
    reason: str
    detail: str
    payload: str
    layer: str
    status: str
    ingested_at: datetime | None
    day: date

    @property
    def is_open(self) -> bool:
        """Whether it still waits for someone."""
        return self.status in OPEN

    @property
    def is_telemetry(self) -> bool:
        """Whether it is a record of a file, and else a version of a source row."""
        return self.table == IOT_TELEMETRY.name


def read(lakehouse: str, wanted: Wanted, columns: Sequence[str] = REJECTED_RECORDS.column_names) -> pa.Table:
    """Return ``columns`` of the wanted letters, the newest first; without a table there are none."""
    found = scanning.dataset(lakehouse, REJECTED_RECORDS)
    if found is None:
        return pa.schema(tables.schema(REJECTED_RECORDS).to_arrow()).empty_table().select(list(columns))
    needed = list(dict.fromkeys([*columns, *(name for name, _ in _NEWEST_FIRST)]))
    rows = found.to_table(columns=needed, filter=wanted.condition())
    return rows.sort_by(_NEWEST_FIRST).select(list(columns))


def find(lakehouse: str, wanted: Wanted) -> list[Letter]:
    """Return the wanted letters with everything about them, the newest first."""
    return [_letter(row) for row in read(lakehouse, wanted).to_pylist()]


def of_ids(lakehouse: str, ids: Sequence[str]) -> pa.Table:
    """Return every column of these letters, whatever their status, the newest first."""
    return read(lakehouse, Wanted(ids=tuple(ids), statuses=ANY)) if ids else read(lakehouse, Wanted()).slice(0, 0)


def resolve(lakehouse: str, prefixes: Collection[str]) -> tuple[str, ...]:
    """Return the whole ids of letters named by the beginning of their id.

    Raises:
        ConfigurationError: no letter begins so, or more than one.
    """
    ids = read(lakehouse, Wanted(statuses=ANY), ["record_id"])["record_id"]
    return tuple(dict.fromkeys(_the_one(prefix, ids) for prefix in prefixes))


def _the_one(prefix: str, ids: pa.ChunkedArray) -> str:
    found = ids.filter(pc.starts_with(ids, prefix.lower())).to_pylist() if prefix else []
    if len(found) != 1:
        many = f"{len(found)} letters begin" if found else "no letter begins"
        raise ConfigurationError(
            f"{many} with {prefix!r}", remedy="see `logistics rejected list --status all`, or give more of the id"
        )
    return str(found[0])


def mark(lakehouse: str, ids: Collection[str], status: Reprocessing, note: str) -> list[str]:
    """Set the status of those letters that are still open, and add ``note`` to their detail; return their ids.

    One commit for each day of rejection, under the table's lock. Safe to repeat: what is marked so already stays.

    Raises:
        ConfigurationError: the lakehouse is not on local storage, where alone the lock keeps other writers out.
    """
    require_local(lakehouse)
    changed: list[str] = []
    if not ids:
        return changed
    with tables.writing(lakehouse, REJECTED_RECORDS):
        letters = find(lakehouse, Wanted(ids=tuple(ids)))
        for day in sorted({letter.day for letter in letters}):
            of_day = [letter for letter in letters if letter.day == day and letter.status != status.value]
            if of_day:
                _write(lakehouse, of_day, status, note)
            changed += [letter.record_id for letter in of_day]
    return changed


def _write(lakehouse: str, of_day: Sequence[Letter], status: Reprocessing, note: str) -> None:
    changes = pa.Table.from_pylist(
        [
            {
                "record_id": letter.record_id,
                "rejection_date": letter.day,
                "reprocessing_status": status.value,
                "rejection_detail": letter.detail + note,
            }
            for letter in of_day
        ]
    )
    small.merge(lakehouse, REJECTED_RECORDS, changes, small.concerned(REJECTED_RECORDS, changes, {}), progress=None)


def require_local(lakehouse: str) -> None:
    """See that locks keep other writers out.

    Raises:
        ConfigurationError: they do not: this is object storage.
    """
    if not tables.is_local(lakehouse):
        raise ConfigurationError(
            f"letters in {lakehouse} can be listed and shown here, but not changed: only on local storage do locks "
            "keep this command and the jobs apart",
            remedy="correct the record at its source; its next version closes the letter",
        )


def _letter(row: dict[str, Any]) -> Letter:
    return Letter(
        row["record_id"],
        row["source_table"],
        row["source_file"],
        row["source_key"],
        row["rejection_reason"],
        row["rejection_detail"] or "",
        row["raw_payload"] or "",
        row["layer"],
        row["reprocessing_status"],
        row["_ingested_at"],
        row["rejection_date"],
    )
