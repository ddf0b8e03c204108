"""The figures of one day of a lakehouse with history, as they follow from its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

Row = dict[str, Any]


def trucks(readings: Iterable[Row], excursions: Sequence[Row], day: date, updated_at: datetime) -> list[Row]:
    """Return the rows of ``fleet_daily``; each truck sends every hour, which is as long as a reading holds."""
    sent = Counter(row["truck_id"] for row in readings)
    of = [{"truck_id": truck, "reading_count": n, "covered_minutes": 60.0 * (n - 1)} for truck, n in sent.items()]
    for truck, n in Counter(row["truck_id"] for row in excursions).items():
        deviation = max(row["peak_deviation"] for row in excursions if row["truck_id"] == truck)
        of.append({"truck_id": truck, "excursion_count": n, "minor_excursions": n, "max_deviation": deviation})
    return [row | _place(day, updated_at) for row in of]


def routes(answers: Iterable[Row], day: date, updated_at: datetime) -> list[Row]:
    """Return the rows of ``route_daily`` of shipments created on one day, of which none has arrived or was warm."""
    of = Counter((row.get("origin_city"), row.get("destination_city")) for row in answers)
    return [
        {"origin_city": origin, "destination_city": destination, "shipments": n} | _place(day, updated_at)
        for (origin, destination), n in of.items()
    ]


def _place(day: date, updated_at: datetime) -> Row:
    return {"day": day, "updated_at": updated_at, "year": day.year, "month": day.month}
