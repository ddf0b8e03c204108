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
    """The peak of an excursion, and where it was."""

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
    """The worst places and routes.

    ``excursions`` is how many there are, ``unplaced`` how many of them without a position; ``pairs`` how many pairs of
    cities there are, ``unknown`` how many of them with a city of which no place is known.
    """

    places: list[Place]
    routes: list[Route]
    excursions: int
    unplaced: int
    pairs: int
    unknown: int

    @property
    def words(self) -> str:
        """What is on the map and what is not."""
        places, routes = len(self.places), len(self.routes)
        are = "excursion is" if self.excursions == 1 else "excursions are"
        told = f"{places:,} of {self.excursions:,} {are} on the map"
        if self.unplaced:
            told += f", {self.unplaced:,} {'has' if self.unplaced == 1 else 'have'} no position"
        told += f". {routes:,} of {self.pairs:,} {'route is' if self.pairs == 1 else 'routes are'} drawn"
        if self.unknown:
            told += f", {self.unknown:,} {'has' if self.unknown == 1 else 'have'} a city whose place is not known"
        return f"{told}."


def route_map(snapshot: Snapshot, filters: Filters) -> RouteMap:
    """Return the map of the shipments that match: the worst ``MOST_PLACES`` excursions and ``MOST_ROUTES`` routes."""
    alerts = _alerts(snapshot, filters)
    found = decisions.excursions_of(snapshot, alerts, _PLACE)
    placed = found.filter(pc.and_(pc.is_valid(found["peak_latitude"]), pc.is_valid(found["peak_longitude"])))
    places = [
        Place(
            *(row["shipment_id"], row["truck_id"], row["severity"], row["minutes"]),
            *(row["peak_temperature"], row["peak_deviation"], row["peak_at"]),
            *(row["peak_latitude"], row["peak_longitude"]),
        )
        for row in _worst_first(placed).slice(0, MOST_PLACES).to_pylist()
    ]
    routes, pairs, unknown = _routes(alerts, cities(snapshot))
    return RouteMap(places, routes, len(found), len(found) - len(placed), pairs, unknown)


def excursions(snapshot: Snapshot, filters: Filters) -> pa.Table:
    """Return every excursion of the shipments that match, the worst first.

    ``temperature``, ``deviation``, ``at``, ``latitude`` and ``longitude`` are those of its peak; the last two are null
    where its position is not known.
    """
    found = _worst_first(decisions.excursions_of(snapshot, _alerts(snapshot, filters), _PLACE))
    return found.select(list(_PLACE)).rename_columns([name.removeprefix("peak_") for name in _PLACE])


def _alerts(snapshot: Snapshot, filters: Filters) -> pa.Table:
    matching = shipments.matching(snapshot, filters, _MATCHING)
    return matching.filter(pc.not_equal(matching["alert_severity"], SEVERITIES[0]))


def _worst_first(found: pa.Table) -> pa.Table:
    down, up = (("rank", "descending"), ("minutes", "descending")), ("shipment_id", "excursion_no")
    ranked = found.append_column("rank", pc.index_in(found["severity"], value_set=pa.array(SEVERITIES)))
    return ranked.sort_by([*down, *((name, "ascending") for name in up)])


def _routes(alerts: pa.Table, where: Mapping[str, tuple[float, float]]) -> tuple[list[Route], int, int]:
    """Return the worst routes, how many there are, and how many of them have a city whose place is not known."""
    ranked = alerts.append_column("rank", pc.index_in(alerts["alert_severity"], value_set=pa.array(SEVERITIES)))
    grouped = ranked.group_by(["origin_city", "destination_city"]).aggregate([([], "count_all"), ("rank", "max")])
    order = [("rank_max", "descending"), ("count_all", "descending"), ("origin_city", "ascending")]
    rows = grouped.sort_by(order).to_pylist()
    known = [row for row in rows if row["origin_city"] in where and row["destination_city"] in where]
    routes = [
        Route(
            *(row["origin_city"], row["destination_city"], row["count_all"], SEVERITIES[row["rank_max"]]),
            *(where[row["origin_city"]], where[row["destination_city"]]),
        )
        for row in known[:MOST_ROUTES]
    ]
    return routes, len(rows), len(rows) - len(known)


def cities(snapshot: Snapshot) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each city that is known: of its warehouses, else from a short list of cities."""
    known = {name: city.point for name, city in CITIES.items()}
    columns = ("city", "latitude", "longitude")
    placed = pc.field("latitude").is_valid() & pc.field("longitude").is_valid() & pc.field("city").is_valid()
    for row in snapshot.dicts(WAREHOUSES, columns, placed):
        known[row["city"]] = (row["latitude"], row["longitude"])
    return known
