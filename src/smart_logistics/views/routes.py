"""Where excursions happened, and the routes of the shipments that had them: what a map of many shipments shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.silver import WAREHOUSES
from smart_logistics.fleet.geography import CITIES
from smart_logistics.views import decisions, shipments
from smart_logistics.views.assessment import SEVERITIES
from smart_logistics.views.filters import Filters
from smart_logistics.views.snapshot import Snapshot

MOST_PLACES = 1000
MOST_ROUTES = 200
_PLACE = (
    *("shipment_id", "excursion_no", "truck_id", "severity", "minutes", "peak_temperature", "peak_deviation"),
    *("peak_at", "peak_latitude", "peak_longitude"),
)
_MATCHING = ("shipment_id", "year", "month", "origin_city", "destination_city", "alert_severity")


@dataclass(frozen=True)
class Place:
    """The peak of an excursion."""

    shipment_id: str
    truck_id: str
    severity: str
    minutes: float
    temperature: float
    deviation: float
    at: datetime
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Route:
    """A pair of cities between which shipments with excursions went, with the worst severity among them."""

    origin: str
    destination: str
    shipments: int
    severity: str
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class RouteMap:
    """The worst places and routes. ``excursions`` is how many there are, ``unplaced`` how many without a position."""

    places: list[Place]
    routes: list[Route]
    excursions: int
    unplaced: int


def route_map(snapshot: Snapshot, filters: Filters) -> RouteMap:
    """Return the map of the shipments that match: the worst ``MOST_PLACES`` excursions and ``MOST_ROUTES`` routes."""
    matching = shipments.matching(snapshot, filters, _MATCHING)
    alerts = matching.filter(pc.not_equal(matching["alert_severity"], SEVERITIES[0]))
    found = decisions.excursions_of(snapshot, alerts, _PLACE)
    placed = found.filter(pc.and_(pc.is_valid(found["peak_latitude"]), pc.is_valid(found["peak_longitude"])))
    order = [("rank", "descending"), ("minutes", "descending"), ("shipment_id", "ascending")]
    ranked = placed.append_column("rank", pc.index_in(placed["severity"], value_set=pa.array(SEVERITIES)))
    worst = ranked.sort_by(order).slice(0, MOST_PLACES).to_pylist()
    places = [
        Place(
            *(row["shipment_id"], row["truck_id"], row["severity"], row["minutes"]),
            *(row["peak_temperature"], row["peak_deviation"], row["peak_at"]),
            *(row["peak_latitude"], row["peak_longitude"]),
        )
        for row in worst
    ]
    return RouteMap(places, _routes(alerts, cities(snapshot)), len(found), len(found) - len(placed))


def _routes(alerts: pa.Table, where: Mapping[str, tuple[float, float]]) -> list[Route]:
    ranked = alerts.append_column("rank", pc.index_in(alerts["alert_severity"], value_set=pa.array(SEVERITIES)))
    grouped = ranked.group_by(["origin_city", "destination_city"]).aggregate([([], "count_all"), ("rank", "max")])
    order = [("rank_max", "descending"), ("count_all", "descending"), ("origin_city", "ascending")]
    rows = grouped.sort_by(order).to_pylist()
    known = (row for row in rows if row["origin_city"] in where and row["destination_city"] in where)
    return [
        Route(
            *(row["origin_city"], row["destination_city"], row["count_all"], SEVERITIES[row["rank_max"]]),
            *(where[row["origin_city"]], where[row["destination_city"]]),
        )
        for row in known
    ][:MOST_ROUTES]


def cities(snapshot: Snapshot) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each city that is known: of its warehouses, else from a short list of cities."""
    known = {name: city.point for name, city in CITIES.items()}
    columns = ("city", "latitude", "longitude")
    placed = pc.field("latitude").is_valid() & pc.field("longitude").is_valid() & pc.field("city").is_valid()
    for row in snapshot.dicts(WAREHOUSES, columns, placed):
        known[row["city"]] = (row["latitude"], row["longitude"])
    return known
