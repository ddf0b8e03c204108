"""Contract §5, Silver ``shipments``: a shipment's history from its status events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from tests.oracle.model import Row
from tests.oracle.rows import Kept

FIRST_EVENT = "first_event_id"
"""Not a column: with shipment_id, what ``shipment_sk`` is a function of. None for a shipment without events."""


def shipments(rows: Mapping[Any, Kept], events: Mapping[Any, Kept]) -> list[Row]:
    """Return every version of every shipment, for the shipments and the events that Silver keeps."""
    of_shipment: dict[Any, list[Row]] = {shipment_id: [] for shipment_id in rows}
    for event in events.values():
        of_shipment[event.row["shipment_id"]].append(event.row)
    return [
        version
        for shipment_id, one in rows.items()
        for version in history(one.row, of_shipment[shipment_id], one.deleted_at)
    ]


def history(row: Row, events: Sequence[Row], deleted_at: datetime | None = None) -> list[Row]:
    """Return a shipment's versions 1..n. ``row`` is its latest valid row; at ``deleted_at`` the last version ends."""
    starts = _starts(row, events)
    ends = [start for _, start, _ in starts[1:]] + [deleted_at]
    return [
        {
            **row,
            "status": status,
            "version": number,
            "effective_start_ts": start,
            "effective_end_ts": end,
            "is_current": number == len(starts) and end is None,
            "is_deleted": deleted_at is not None,
            FIRST_EVENT: event_id,
        }
        for number, ((status, start, event_id), end) in enumerate(zip(starts, ends, strict=True), 1)
    ]


def _starts(row: Row, events: Sequence[Row]) -> list[tuple[str, datetime, int | None]]:
    if not events:
        return [(row["status"], row["updated_at"] or row["created_at"], None)]
    ordered = sorted(events, key=lambda event: (event["changed_at"], event["event_id"]))
    firsts = [next(group) for _, group in groupby(ordered, key=lambda event: event["status"])]
    return [(event["status"], event["changed_at"], event["event_id"]) for event in firsts]
