"""The fence: from which transaction on the rows of a table are new, whoever committed when, whatever the clocks say.

Every row of a heap table carries ``xmin``, the transaction that wrote it. Let *L* be the oldest transaction that was
still running in the snapshot of the last extraction. A row that this snapshot did not see was written by a
transaction that ran then (a prepared or nested one too) or began later, and so has a number of at least *L*. So
``xmin >= L`` in a later snapshot gives all that is new; what it gives twice is dropped by content. It needs SELECT
and nothing else: no column, no trigger, no clock, no privilege.

It holds as long as the numbers are those of one history: another server, timeline or table, or a number that went
backwards, means a full read, which finds the difference by content as well. Numbers are compared modulo 2³² as the
rows keep them; that gives false positives only while fewer than 2³¹ transactions passed, and beyond that the table is
read in full.
"""

from __future__ import annotations

from dataclasses import dataclass

# Beyond half the circle of 32-bit transaction numbers, "later" has no meaning any more.
HALF_CIRCLE = 2**31
_LOW_BITS = 2**32 - 1


@dataclass(frozen=True)
class Snapshot:
    """One exported snapshot and the history that its numbers belong to.

    ``xmin`` is the oldest transaction still running, ``xmax`` the first that had not begun; ``name`` is what other
    connections import it by. ``lsn`` is the position in the write-ahead log, as a number.
    """

    name: str
    system_identifier: str
    timeline: str
    lsn: int
    xmin: int
    xmax: int


@dataclass(frozen=True)
class Fence:
    """How far the extraction of one source table has come: what the next one starts from.

    ``relation`` is the table's OID and ``columns`` the fingerprint of its columns and partitions; ``bronze_id`` and
    ``bronze_stamp`` say which Bronze table holds what was taken, and up to which batch.
    """

    system_identifier: str
    timeline: str
    lsn: int
    xmin: int
    xmax: int
    relation: int
    columns: str
    bronze_id: str
    bronze_stamp: int


def lsn_number(text: str) -> int:
    """Return a position such as ``0/213A1B8`` as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def why_full(last: Fence | None, now: Snapshot, *, relation: int, columns: str) -> str | None:
    """Return why a table must be read in full, or None where the rows since ``last`` are enough."""
    if last is None:
        return "never read before, or somebody asked for it"
    reasons = (
        (last.system_identifier != now.system_identifier, "another server or database"),
        (last.timeline != now.timeline, "the server was restored or failed over"),
        (now.lsn < last.lsn or now.xmax < last.xmax, "the server went back in its history"),
        (last.relation != relation, "the table was made anew"),
        (last.columns != columns, "the table's columns or partitions changed"),
        (now.xmax - last.xmin >= HALF_CIRCLE, "too many transactions since the last extraction"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def new_rows(last: Fence, now: Snapshot) -> str:
    """Return the SQL predicate of the rows that may be new since ``last``; a superset."""
    return f"((xmin::text::bigint - {last.xmin & _LOW_BITS}) & {_LOW_BITS}) < {now.xmax - last.xmin}"


def is_still(last: Fence, now: Snapshot) -> bool:
    """Return whether no transaction at all can have written since ``last``."""
    return now.xmax == last.xmin
