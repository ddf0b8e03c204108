"""What goes into the oracle, and what a dead letter is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
"""Column to value: int, float, Decimal, str, bool, datetime with UTC, date, list or None."""

OPEN = frozenset({"PENDING", "REVIEWED"})
DISCARDED = frozenset({"DISCARDED"})
REPROCESSED = frozenset({"REPROCESSED"})


@dataclass(frozen=True)
class Version:
    """One extracted version of a source row.

    ``rescued`` names columns whose value Bronze's type could not hold (NaN, infinity).
    """

    table: str
    values: Mapping[str, Any]
    extracted_at: datetime
    rescued: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Deletion:
    """A key that a key comparison found gone from the source."""

    table: str
    key: str
    noticed_at: datetime


@dataclass(frozen=True)
class TakenFile:
    """One file taken from the landing folder: its bytes as they lay there, and the batch stamp of its ingestion."""

    name: str
    data: bytes
    taken_at: datetime


@dataclass(frozen=True)
class Source:
    """The source of truth: row versions in extraction order, deletions, and files in the order of taking."""

    versions: Sequence[Version] = ()
    deletions: Sequence[Deletion] = ()
    files: Sequence[TakenFile] = ()


@dataclass(frozen=True)
class Rules:
    """The settings that the tables depend on."""

    hold: timedelta = timedelta(minutes=60)
    clock_skew: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class DeadLetter:
    """One row of ``rejected_records``.

    ``statuses`` are those it may have. ``required`` is false where it depends on the batching whether the row exists at
    all: an orphan whose parent came later was rejected only if a run fell between the two.
    """

    source_table: str
    source_key: str
    reason: str
    layer: str
    ingested_at: datetime
    statuses: frozenset[str] = OPEN
    source_file: str | None = None
    superseded: bool = False
    required: bool = True
    raw_payload: str | None = field(default=None, compare=False)
