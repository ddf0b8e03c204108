"""Contract §5, Silver from rows: the latest valid version of each key, reasons, orphans and their parents, deletions.

A parent exists once any version of it is valid, and stays: deletes orphan nobody. So a version that is valid stays
valid, and the moment since when it is (``valid_since``) has a closed form: the latest of its own extraction and the
moments since when its parents exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.model import DISCARDED, OPEN, REPROCESSED, DeadLetter, Deletion, Row, Source, Version
from tests.oracle.source_tables import TABLES, SourceTable, holds

FOREIGN_KEY = "INVALID_FOREIGN_KEY"


@dataclass(frozen=True)
class Judged:
    """A version and its verdict given the final set of parents. ``valid_since`` is None where it is rejected."""

    version: Version
    key: Any
    reason: str
    valid_since: datetime | None
    next_at: datetime | None
    """When the next version of its key was extracted; None for the newest."""


@dataclass(frozen=True)
class Kept:
    """What Silver keeps of one key."""

    row: Row
    deleted_at: datetime | None


def judge(source: Source) -> dict[str, list[Judged]]:
    """Judge every version of every table, in extraction order."""
    by_table: dict[str, list[Version]] = defaultdict(list)
    for version in sorted(source.versions, key=lambda version: version.extracted_at):
        by_table[version.table].append(version)
    present: dict[str, dict[Any, datetime]] = {table.name: {} for table in TABLES}
    return {table.name: _judge_table(table, by_table[table.name], present) for table in TABLES}


def kept(judged: Mapping[str, Sequence[Judged]], deletions: Sequence[Deletion]) -> dict[str, dict[Any, Kept]]:
    """Return what Silver keeps: for each table, by key, the latest valid version and since when it is deleted."""
    gone: dict[tuple[str, str], datetime] = {}
    for deletion in deletions:
        at = (deletion.table, deletion.key)
        gone[at] = max(deletion.noticed_at, gone.get(at, deletion.noticed_at))
    result: dict[str, dict[Any, Kept]] = {}
    for table in TABLES:
        rows: dict[Any, Kept] = {}
        last_seen = {one.key: one.version.extracted_at for one in judged[table.name]}
        for one in judged[table.name]:
            if one.valid_since is not None:
                noticed = gone.get((table.name, str(one.key)))
                deleted = noticed is not None and noticed > last_seen[one.key]
                rows[one.key] = Kept(_typed(table, one.version), noticed if deleted else None)
        result[table.name] = rows
    return result


def latest_table(rows: Mapping[Any, Kept]) -> list[Row]:
    """Return one of the seven ``latest valid version`` tables."""
    return [{**one.row, "is_deleted": one.deleted_at is not None} for one in rows.values()]


def dead_letters(judged: Mapping[str, Sequence[Judged]], *, every_batch_was_judged: bool) -> list[DeadLetter]:
    """Return the dead letters of all versions.

    With ``every_batch_was_judged`` (Silver ran after each extraction, before the next) the rows of orphans whose
    parents came later are required, else they are allowed only.
    """
    return [
        letter
        for versions in judged.values()
        for one in versions
        if (letter := _letter(one, every_batch_was_judged)) is not None
    ]


def own_reason(table: SourceTable, version: Version) -> str:
    """Return the first reason that a version has by itself, whatever its parents; empty where none."""
    row = _row(table, version)
    if version.rescued or not all(holds(kind, row[name]) for name, kind in table.columns.items()):
        return "SCHEMA_VALIDATION_FAILED"
    if any(_missing(row[name]) for name in (table.key, *table.critical)):
        return "NULL_CRITICAL_FIELD"
    return "" if table.sound(row) else "BUSINESS_RULE_VIOLATION"


def _judge_table(
    table: SourceTable, versions: Sequence[Version], present: dict[str, dict[Any, datetime]]
) -> list[Judged]:
    next_at = _next_extractions(table, versions)
    judged = []
    for at, version in enumerate(versions):
        reason = own_reason(table, version)
        since: datetime | None = None
        if not reason:
            parents = [present[parent].get(version.values.get(column)) for column, parent in table.parents.items()]
            arrived = [moment for moment in parents if moment is not None]
            if len(arrived) < len(parents):
                reason = FOREIGN_KEY
            else:
                since = max([version.extracted_at, *arrived])
        key = version.values.get(table.key)
        if since is not None:
            known = present[table.name].get(key)
            present[table.name][key] = since if known is None else min(known, since)
        judged.append(Judged(version, key, reason, since, next_at[at]))
    return judged


def _next_extractions(table: SourceTable, versions: Sequence[Version]) -> list[datetime | None]:
    following: dict[Any, datetime] = {}
    result: list[datetime | None] = []
    for version in reversed(versions):
        key = version.values.get(table.key)
        result.append(following.get(key))
        if key is not None:  # rows without a key are not versions of one another
            following[key] = version.extracted_at
    return result[::-1]


def _letter(one: Judged, every_batch_was_judged: bool) -> DeadLetter | None:
    extracted = one.version.extracted_at
    if one.valid_since is None:
        statuses, required = (OPEN if one.next_at is None else DISCARDED), True
    elif one.valid_since > extracted:
        statuses, required = _late_parent_statuses(one.valid_since, one.next_at), every_batch_was_judged
    else:
        return None
    return DeadLetter(
        source_table=one.version.table,
        source_key="" if one.key is None else str(one.key),
        reason=one.reason or FOREIGN_KEY,
        layer="silver",
        ingested_at=extracted,
        statuses=statuses,
        superseded=statuses == DISCARDED,
        required=required,
    )


def _late_parent_statuses(valid_since: datetime, next_at: datetime | None) -> frozenset[str]:
    # Superseded before its parent came, it is closed; it is still loaded later where all newer versions are invalid.
    return REPROCESSED if next_at is None or next_at > valid_since else DISCARDED | REPROCESSED


def _row(table: SourceTable, version: Version) -> Row:
    return {name: version.values.get(name) for name in table.columns}


def _typed(table: SourceTable, version: Version) -> Row:
    row = _row(table, version)
    if table.name == "vehicles":
        row["license_plate"] = row["license_plate"].strip().upper()
    return row


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
