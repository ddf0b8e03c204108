"""What people decided about excursions: which of them are open, and what holds of the others.

A decision holds while the excursion is still what was decided upon; where later data have changed it, it is open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS, Decision
from smart_logistics.contracts.gold import TEMPERATURE_EXCURSIONS
from smart_logistics.dispositions import seen
from smart_logistics.views.snapshot import Row, Snapshot

OPEN, DECIDED = "open", "decided"
# What a reader may ask for.
CHOICES = (OPEN, DECIDED, *(one.value for one in Decision))
# What `added` needs of a shipment's row.
NEEDS = ("shipment_id", "temperature_alert", "year", "month")
_ENTRY = ("shipment_id", "entry_no", "entry_hash", "decision", *seen.FACTS)
_EXCURSION = ("shipment_id", "excursion_no", *seen.FACTS)
# Where excursions of a shipment were decided differently, the worst is said first.
_RANK = {one.value: -number for number, one in enumerate(Decision)}


def of_shipment(snapshot: Snapshot, shipment_id: str, excursions: Sequence[Row]) -> dict[int, str]:
    """Return what was decided and still holds, by the excursion's number; of the others nothing holds."""
    where = pc.field("shipment_id") == shipment_id
    return _holding(snapshot.dicts(EXCURSION_DISPOSITIONS, _ENTRY, where), excursions)


def added(snapshot: Snapshot, shipments: pa.Table) -> pa.Table:
    """Return shipments (with the columns ``NEEDS``) with the column ``decision``.

    It is ``open`` where an excursion waits for a decision, else what was decided, else null: no alert.
    """
    entries = _by_shipment(snapshot.rows(EXCURSION_DISPOSITIONS, _ENTRY))
    decided = _decided(snapshot, shipments, entries) if entries else {}
    told = pa.array(decided.values(), pa.string())
    place = pc.index_in(shipments["shipment_id"], value_set=pa.array(decided, pa.string()))
    alerts = pc.if_else(shipments["temperature_alert"], OPEN, pa.scalar(None, pa.string()))
    return shipments.append_column("decision", pc.coalesce(told.take(place.combine_chunks()), alerts))


def _decided(snapshot: Snapshot, shipments: pa.Table, entries: Mapping[str, list[Row]]) -> dict[str, str]:
    """Return what was decided of the shipments of which nothing is open."""
    known = pa.array(sorted(entries), pa.string())
    named = pc.is_in(shipments["shipment_id"], value_set=known)
    asked = shipments.filter(pc.and_(named, shipments["temperature_alert"]))
    found = _by_shipment(excursions_of(snapshot, asked, _EXCURSION))
    told = {one: _words(_holding(entries[one], excursions), excursions) for one, excursions in found.items()}
    return {one: words for one, words in told.items() if words != OPEN}


def excursions_of(snapshot: Snapshot, shipments: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return columns of the excursions of shipments (with ``year`` and ``month``), read from their months only."""
    months = {(row["year"], row["month"]) for row in shipments.select(["year", "month"]).to_pylist()}
    years = sorted({year for year, _ in months})
    where = pc.field("year").isin(years) & pc.field("month").isin(sorted({month for _, month in months}))
    rows = snapshot.rows(TEMPERATURE_EXCURSIONS, columns, where if months else pc.scalar(False))
    return rows.filter(pc.is_in(rows["shipment_id"], value_set=shipments["shipment_id"].combine_chunks()))


def _holding(entries: Sequence[Row], excursions: Sequence[Row]) -> dict[int, str]:
    ordered = sorted(excursions, key=lambda one: int(one["excursion_no"]))
    last = seen.last_of_each(sorted(entries, key=lambda one: str(one["entry_hash"])), ordered)
    return {
        number: str(entry["decision"]) for number, entry in last.items() if seen.standing(entry, ordered).is_as_decided
    }


def _words(holding: Mapping[int, str], excursions: Sequence[Row]) -> str:
    if not excursions or any(one["excursion_no"] not in holding for one in excursions):
        return OPEN
    return in_words(holding.values())


def in_words(decisions: Iterable[str]) -> str:
    """Return decisions as one text, each once, the gravest first."""
    return ", ".join(sorted({*decisions}, key=lambda one: (_RANK.get(one, 0), one)))


def _by_shipment(rows: pa.Table) -> dict[str, list[Row]]:
    """Return rows by their shipment; instants as microseconds, which compare alike and of which many cost less."""
    columns = [column.cast("int64") if pa.types.is_timestamp(column.type) else column for column in rows.columns]
    found: dict[str, list[Row]] = {}
    for row in pa.table(columns, names=rows.column_names).to_pylist():
        found.setdefault(row["shipment_id"], []).append(row)
    return found
