"""Which shipments a person asks for: conditions for Arrow (which files to open) and for SQL (what else must hold)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc

from smart_logistics.contracts.rules import ENOUGH_COVERAGE
from smart_logistics.views import snapshot
from smart_logistics.views.decisions import DECIDED, OPEN

LOW_COVERAGE = f"(data_coverage IS NULL OR data_coverage < {ENOUGH_COVERAGE})"
_EQUAL = {
    "kind": "shipment_type",
    "status": "status",
    "origin": "origin_city",
    "destination": "destination_city",
}


@dataclass(frozen=True)
class Filters:
    """What a shipment must be; an empty text asks for nothing.

    ``kind`` is the shipment type, ``truck`` a part of a license plate, ``text`` a part of the shipment's id, ``data``
    is ``low`` for shipments with too few readings, ``decision`` one of ``decisions.CHOICES``. ``since`` and ``until``
    bound the moment at which the shipment was created, by which the table is laid out, ``until`` exclusive.
    ``severity`` is one of the four or ``any`` for every alert.
    """

    severity: str = ""
    kind: str = ""
    status: str = ""
    origin: str = ""
    destination: str = ""
    truck: str = ""
    text: str = ""
    data: str = ""
    decision: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """Those that ask for something."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}

    def pruning(self) -> pc.Expression | None:
        """Return what tells from a file's partition and bounds that it holds none of them."""
        found = [pc.field(column) == value for name, column in _EQUAL.items() if (value := getattr(self, name))]
        if self.severity == "any":
            found.append(pc.field("temperature_alert"))
        elif self.severity:
            found.append(pc.field("alert_severity") == self.severity)
        if self.decision:
            found.append(pc.field("temperature_alert"))
        if self.since is not None:
            found += [snapshot.since("created_at", self.since), _not_before(self.since)]
        if self.until is not None:
            found += [snapshot.before("created_at", self.until), ~_not_before(_next_month(self.until))]
        return snapshot.all_of(found)

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Return the rest as a SQL condition with its parameters, over rows that ``decisions.added`` has completed."""
        conditions, parameters = ["true"], dict[str, Any]()
        if self.since is not None:
            conditions.append("created_at >= $since")
            parameters["since"] = self.since
        if self.truck:
            conditions.append("len(list_filter(truck_ids, lambda one: contains(one, $truck))) > 0")
            parameters["truck"] = self.truck.strip().upper()
        if self.text:
            conditions.append("contains(lower(shipment_id), $text)")
            parameters["text"] = self.text.strip().lower()
        if self.data == "low":
            conditions.append(LOW_COVERAGE)
        if self.decision == DECIDED:
            conditions.append(f"decision <> '{OPEN}'")
        elif self.decision:
            conditions.append("list_contains(string_split(decision, ', '), $decision)")
            parameters["decision"] = self.decision
        return " AND ".join(conditions), parameters


def _not_before(moment: datetime) -> pc.Expression:
    at = moment.astimezone(UTC)
    year, month = pc.field("year"), pc.field("month")
    return (year > at.year) | ((year == at.year) & (month >= at.month))


def _next_month(moment: datetime) -> datetime:
    at = moment.astimezone(UTC)
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
