"""Letters and what became of them, written out. Texts from files are data: no control character gets through."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console

from smart_logistics.cli.rendering import WRITERS, plain, visible
from smart_logistics.deadletters import held
from smart_logistics.deadletters.desk import Desk, State

if TYPE_CHECKING:
    from smart_logistics.deadletters.desk import Outcome

_ID_SHOWN = 12
_SHOWN = {
    "source_table": "table",
    "source_key": "key",
    "rejection_reason": "reason",
    "reprocessing_status": "status",
    "rejected_at": "rejected at",
    "rejection_detail": "detail",
}


def write_list(rows: pa.Table, total: int, format_: str) -> None:
    """Write letters; on stderr how many more there are."""
    shown = rows
    if format_ == "table":
        ids = pa.array([text[:_ID_SHOWN] for text in rows["record_id"].to_pylist()], pa.string())
        moments = pa.array([f"{at:%Y-%m-%d %H:%M}" for at in rows["rejected_at"].to_pylist()], pa.string())
        columns = [ids, *(moments if name == "rejected_at" else rows[name] for name in _SHOWN)]
        shown = pa.table(columns, names=["id", *_SHOWN.values()])
    WRITERS[format_](shown, sys.stdout)
    if total > len(rows):
        Console(stderr=True).print(f"{total - len(rows)} more: see them with --limit {total}", style="dim")


def write_one(rows: pa.Table, desk: Desk) -> None:
    """Write one letter, a line for each column, and where its record is if it was sent again."""
    (row,) = rows.to_pylist()
    width = max(map(len, row))
    for name, value in row.items():
        print(f"{name:{width}}  {'' if value is None else visible(str(plain(value)))}")
    sent = held.files_on_their_way(desk.lakehouse, desk.folders).get(row["record_id"])
    if sent is not None:
        print(f"{'sent again':{width}}  {visible(sent)}")


def write_outcomes(outcomes: Sequence[Outcome], format_: str) -> None:
    """Write what became of each letter; on stderr how many of each, and when it is to be seen."""
    rows = pa.table(
        {
            "id": [one.letter.record_id[: _ID_SHOWN if format_ == "table" else None] for one in outcomes],
            "table": [one.letter.table for one in outcomes],
            "key": [one.letter.key for one in outcomes],
            "outcome": [one.state.value for one in outcomes],
            "detail": [one.told for one in outcomes],
        },
        schema=pa.schema([(name, pa.string()) for name in ("id", "table", "key", "outcome", "detail")]),
    )
    WRITERS[format_](rows, sys.stdout)
    counts = Counter(one.state for one in outcomes)
    told = ", ".join(f"{count} {state.value}" for state, count in counts.items()) or "no letter"
    console = Console(stderr=True)
    console.print(told, highlight=False)
    if counts[State.SENT] or counts[State.WAITING]:
        console.print("The next run takes what was sent, and closes its letters: logistics run", highlight=False)
