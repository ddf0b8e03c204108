"""``gold.fleet_daily`` and ``gold.route_daily`` by their declared meaning, from the oracle's other rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from tests.oracle.compare import AnyOf
from tests.oracle.model import Row, Rules

_MINUTE, _NOTHING = timedelta(minutes=1), timedelta(0)
_SEVERITIES = ("Minor", "Major", "Critical")


def fleet_daily(
    telemetry: Iterable[Row], analytics: Iterable[Row], excursions: Iterable[Row], rules: Rules
) -> list[Row]:
    """Return a row for each truck and day that anything is told of."""
    readings, begun, departed, delivered = (defaultdict(list) for _ in range(4))
    for reading in telemetry:
        readings[reading["truck_id"], reading["event_ts"].date()].append(reading)
    for excursion in excursions:
        begun[excursion["truck_id"], excursion["started_at"].date()].append(excursion)
    for shipment in analytics:
        if shipment["truck_ids"]:
            departed[shipment["truck_ids"][0], shipment["trip_start"].date()].append(shipment)
            if shipment["is_on_time"] is not None:
                delivered[shipment["truck_ids"][-1], shipment["actual_delivery_at"].date()].append(shipment)
    return [
        {
            "truck_id": truck,
            "day": day,
            "year": day.year,
            "month": day.month,
            "shipments": len(departed[truck, day]),
            "reading_count": len(readings[truck, day]),
            "outlier_count": sum(reading["is_outlier"] for reading in readings[truck, day]),
            "covered_minutes": _covered(readings[truck, day], rules.hold) / _MINUTE,
            "excursion_count": len(begun[truck, day]),
            "excursion_minutes": _minutes(one["minutes"] for one in begun[truck, day]),
            "max_deviation": max((one["peak_deviation"] for one in begun[truck, day]), default=None),
        }
        | {f"{name.lower()}_excursions": _of_severity(begun[truck, day], "severity", name) for name in _SEVERITIES}
        | _deliveries(delivered[truck, day])
        for truck, day in {*readings, *begun, *departed, *delivered}
    ]


def route_daily(analytics: Iterable[Row]) -> list[Row]:
    """Return a row for each route and day on which one of its shipments was created."""

    def key(shipment: Row) -> tuple[Any, ...]:
        return shipment["origin_city"], shipment["destination_city"], shipment["created_at"].date()

    rows = []
    for (origin, destination, day), group in groupby(sorted(analytics, key=lambda row: repr(key(row))), key=key):
        shipments = list(group)
        rows.append(
            {
                "origin_city": origin,
                "destination_city": destination,
                "day": day,
                "year": day.year,
                "month": day.month,
                "shipments": len(shipments),
                "excursion_count": sum(one["excursion_count"] for one in shipments),
                "excursion_minutes": _minutes(one["excursion_minutes"] for one in shipments),
            }
            | {f"{name.lower()}_alerts": _of_severity(shipments, "alert_severity", name) for name in _SEVERITIES}
            | _deliveries([one for one in shipments if one["is_on_time"] is not None])
        )
    return rows


def _deliveries(shipments: list[Row]) -> Row:
    late = sum((one["actual_delivery_at"] - one["expected_delivery_at"] for one in shipments), _NOTHING)
    return {
        "deliveries": len(shipments),
        "on_time_deliveries": sum(one["actual_delivery_at"] <= one["expected_delivery_at"] for one in shipments),
        "delay_minutes": late / _MINUTE,
    }


def _covered(readings: Iterable[Row], longest: timedelta) -> timedelta:
    instants: list[datetime] = sorted(one["event_ts"] for one in readings if not one["is_outlier"])
    return sum((min(later - at, longest) for at, later in pairwise(instants)), _NOTHING)


def _minutes(minutes: Iterable[float]) -> float:
    return sum((timedelta(minutes=one) for one in minutes), _NOTHING) / _MINUTE


def _of_severity(rows: Iterable[Row], column: str, severity: str) -> int:
    found = [row[column] for row in rows]
    assert not any(isinstance(value, AnyOf) for value in found)
    return found.count(severity)
