"""Shipments at risk: which need a decision, where their excursions were, and the list of all that match."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from smart_logistics.contracts.rules import SHIPMENT_STATUSES
from smart_logistics.pages import assets, journey_charts, places, query, tiles, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.charts import Spec
from smart_logistics.pages.web import Chart, Column, Table, link, shipment_link
from smart_logistics.views import routes, shipments
from smart_logistics.views.assessment import SEVERITIES, assess, has_low_coverage, route
from smart_logistics.views.decisions import CHOICES, DECIDED, OPEN
from smart_logistics.views.filters import Filters
from smart_logistics.views.shipments import Listing

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
_SORTS = {
    "shipment_id": "shipment",
    "alert_severity": "risk",
    "excursion_minutes": "minutes",
    "max_deviation": "deviation",
    "mean_kinetic_temperature": "mkt",
    "data_coverage": "coverage",
    "delivery_delay_minutes": "late",
    "created_at": "created",
}


# None of these is async: reading tables would hold up the server's other answers.
@router.get("/shipments")
def overview(request: Request) -> HTMLResponse:
    """Return the page."""
    chosen, snapshot = query.filters(request), places.snapshot()
    given = request.query_params
    found = shipments.listing(snapshot, chosen, sort=given.get("sort", ""), page=query.number(given.get("page"), 1))
    facets = shipments.facets(snapshot)
    asked = query.as_query(chosen)
    return web.page(
        request,
        "shipments.html",
        found=found,
        chosen=chosen,
        asked=asked,
        options=_options(facets),
        verdict=_verdict(found, chosen),
        table=_table(request, found, asked),
        map=_map(request, asked) if found.alerts else None,
        counts=[
            (name, found.by_severity[name], link(request, "shipments", **asked | {"severity": name}))
            for name in reversed(SEVERITIES)
        ],
        decisions=[
            (label, number, link(request, "shipments", **asked | {"decision": name}))
            for name, label, number in ((OPEN, "Open", found.open), (DECIDED, "Decided", found.alerts - found.open))
        ],
        low=link(request, "shipments", **asked | {"data": "low"}),
        turn=partial(_turn, request, asked, found),
        everything=link(request, "shipments"),
    )


@router.get("/shipments.csv")
def export(request: Request) -> Response:
    """Return every shipment that matches with all its columns."""
    sort = request.query_params.get("sort", "")
    return _whole("shipments", shipments.every(places.snapshot(), query.filters(request), sort=sort))


@router.get("/charts/routes.json")
def route_map(request: Request) -> Spec:
    """Return the map of the shipments that match."""
    found = routes.route_map(places.snapshot(), query.filters(request))
    links = [shipment_link(request, one.shipment_id) for one in found.places]
    return journey_charts.of_routes(found, links, link(request, f"static/{assets.OUTLINES}"))


@router.get("/excursions.csv")
def excursions(request: Request) -> Response:
    """Return every excursion of the shipments that match, also those that the map leaves out."""
    return _whole("excursions", routes.excursions(places.snapshot(), query.filters(request)))


def _whole(name: str, rows: pa.Table) -> Response:
    lines = (row for batch in rows.to_batches(1000) for row in zip(*(one.to_pylist() for one in batch), strict=True))
    return web.csv_of(name, rows.column_names, lines)


def _verdict(found: Listing, chosen: Filters) -> Mapping[str, str]:
    """Return the answer in words, and the worst severity, which gives it its colour."""
    of = " that match" if chosen.given else ""
    if not found.total:
        return {"level": "", "words": "No shipment matches" if chosen.given else "There are no shipments yet"}
    if not found.alerts:
        return {"level": "" if found.low_coverage else "none", "words": f"No shipment{of} has an excursion"}
    if not found.open:
        plural = "shipment with an excursion is" if found.alerts == 1 else "shipments with excursions are"
        return {"level": "", "words": f"{found.alerts:,} {plural} decided, none waits for a decision"}
    worst = next(name for name in reversed(SEVERITIES) if found.open_by_severity[name])
    plural = "shipment needs" if found.open == 1 else "shipments need"
    return {"level": worst.lower(), "words": f"{found.open:,} {plural} a decision"}


def _decisions(request: Request, row: Mapping[str, Any]) -> str:
    return link(request, "disposition", shipment=row["shipment_id"])


def _options(facets: shipments.Facets) -> dict[str, list[tuple[str, str]]]:
    same = {"kind": facets.kinds, "origin": facets.origins, "destination": facets.destinations}
    return {
        "severity": [("any", "Any alert"), *((name, name) for name in reversed(SEVERITIES))],
        "status": [(name, name) for name in SHIPMENT_STATUSES],
        "data": [("low", "Too few readings")],
        "decision": [(name, name.capitalize()) for name in CHOICES],
        **{name: [(value, value) for value in values] for name, values in same.items()},
    }


def _table(request: Request, found: Listing, asked: Mapping[str, str]) -> Table:
    rows = [
        row | {"assessment": assess(row).value, "low": has_low_coverage(row), "route": route(row)} for row in found.rows
    ]
    columns = [
        Column("shipment_id", "Shipment", link=lambda row: shipment_link(request, row["shipment_id"])),
        Column("alert_severity", "Alert", "severity"),
        Column("decision", "Decision", link=partial(_decisions, request)),
        Column("assessment", "What can be said"),
        Column("excursion_minutes", "Outside limits", "minutes"),
        Column("max_deviation", "Furthest, °C", "number"),
        Column("mean_kinetic_temperature", "MKT", "celsius"),
        Column("data_coverage", "Data", "coverage"),
        Column("shipment_type", "Type"),
        Column("status", "Status"),
        Column("route", "Route"),
        Column("truck_ids", "Trucks", "list"),
        Column("created_at", "Created", "instant"),
        Column("delivery_delay_minutes", "Late by, min", "number"),
    ]
    return Table(
        "shipments",
        "Shipments",
        columns,
        rows,
        empty="No shipment matches. Take a filter away, or wait for the next run.",
        csv=link(request, "shipments.csv", **asked, sort=found.sort),
        sorts={name: link(request, "shipments", **asked, sort=sort) for name, sort in _SORTS.items()},
        sorted=next(name for name, sort in _SORTS.items() if sort == found.sort),
    )


def _map(request: Request, asked: Mapping[str, str]) -> Chart:
    return Chart(
        "map",
        link(request, "charts/routes.json", **asked),
        "Excursions by severity, larger where longer, and the routes on which they happened. A point leads to its "
        f"shipment. The worst {routes.MOST_PLACES:,} and {routes.MOST_ROUTES} routes. {tiles.credit()}",
        "Map of the excursions of the shipments that match. The table of shipments below has the same shipments.",
        ("All excursions as CSV", link(request, "excursions.csv", **asked)),
    )


def _turn(request: Request, asked: Mapping[str, str], found: Listing, page: int) -> str:
    return link(request, "shipments", **asked, sort=found.sort, page=page)
