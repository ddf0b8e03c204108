"""One shipment: what can be said of it, its curve, where it went, and all that the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from smart_logistics.pages import assets, journey_charts, places, tiles, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.charts import Spec
from smart_logistics.pages.web import Chart, Column, Table, link
from smart_logistics.views import shipment as view
from smart_logistics.views.assessment import route
from smart_logistics.views.decisions import OPEN
from smart_logistics.views.shipment import Shipment

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
# More rows than these stay in the CSV: a page of thousands helps nobody.
_MOST_ROWS = 500
# Key, caption, what it says where it is empty, and the columns: name, label, kind.
_TABLES: tuple[tuple[str, str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        *("excursions", "Excursions", "No reading that counts was outside the limits."),
        (
            *(
                ("excursion_no", "No.", "whole"),
                ("severity", "Severity", "severity"),
                ("decision", "Decision", "text"),
                ("started_at", "From", "instant"),
            ),
            *(("ended_at", "Until", "instant"), ("minutes", "Lasted", "minutes"), ("peak_at", "Peak at", "instant")),
            *(("peak_temperature", "Peak", "celsius"), ("peak_deviation", "Beyond limit, °C", "number")),
            *(("truck_id", "Truck", "text"), ("peak_latitude", "Latitude", "place")),
            ("peak_longitude", "Longitude", "place"),
        ),
    ),
    (
        *("excluded", "Readings that do not count, and why", "All readings of the journey count."),
        (
            *(("at", "When", "instant"), ("truck_id", "Truck", "text"), ("temperature", "Temperature", "celsius")),
            *(("reason", "Reason", "text"), ("explanation", "In words", "text"), ("source_file", "File", "text")),
            ("where", "Record", "text"),
        ),
    ),
    (
        *("gaps", "Times without readings", "No gap was longer than a reading holds."),
        (("start", "From", "instant"), ("end", "Until", "instant"), ("minutes", "Lasted", "minutes")),
    ),
    (
        *("trucks", "Trucks of the journey", "No truck was assigned."),
        (
            *(("starts_at", "From", "instant"), ("ends_at", "Until", "instant"), ("truck_id", "Truck", "text")),
            *(("driver", "Driver", "text"), ("status", "Assignment", "text"), ("assignment_id", "No.", "text")),
        ),
    ),
    (
        *("history", "Status history", "No status is known."),
        (
            *(("version", "No.", "whole"), ("status", "Status", "text")),
            *(("effective_start_ts", "From", "instant"), ("effective_end_ts", "Until", "instant")),
        ),
    ),
    (
        *("readings", "Readings that count", "No reading of the journey came in."),
        (
            *(("at", "When", "instant"), ("truck_id", "Truck", "text"), ("temperature", "Temperature", "celsius")),
            *(("deviation", "Beyond limit, °C", "number"), ("latitude", "Latitude", "place")),
            *(("longitude", "Longitude", "place"), ("source_file", "File", "text")),
        ),
    ),
)


# Not async, as in the list.
@router.get("/shipments/{shipment_id:path}")
def page(request: Request, shipment_id: str) -> HTMLResponse:
    """Return the page; an id that no path can hold comes as ``?id=``."""
    found = _found(shipment_id or request.query_params.get("id", ""))
    return web.page(
        request,
        "shipment.html",
        shipment=found,
        row=found.row,
        facts=_facts(found),
        charts=_charts(request, found),
        tables=[(_shortened(table), len(table.rows)) for table in tables(request, found).values()],
        all_shipments=link(request, "shipments"),
    )


@router.get("/shipment.csv")
def export(request: Request) -> Response:
    """Return one of the page's tables."""
    found = tables(request, _asked(request))
    table = found.get(request.query_params.get("table", ""))
    if table is None:
        raise HTTPException(404, f"the tables are {', '.join(found)}")
    return web.csv_of_table(table)


@router.get("/charts/curve.json")
def curve(request: Request) -> Spec:
    """Return the temperature curve."""
    return journey_charts.of_curve(_asked(request))


@router.get("/charts/way.json")
def way(request: Request) -> Spec:
    """Return the map of the journey."""
    return journey_charts.of_way(_asked(request), link(request, f"static/{assets.OUTLINES}"))


def _asked(request: Request) -> Shipment:
    return _found(request.query_params.get("id", ""))


def _found(shipment_id: str) -> Shipment:
    found = view.shipment(places.snapshot(), shipment_id)
    if found is None:
        raise HTTPException(404, f"There is no shipment {shipment_id!r} in Gold.")
    return found


def tables(request: Request, found: Shipment) -> dict[str, Table]:
    """Return everything about a shipment as tables, by their keys."""
    rows: dict[str, Sequence[web.Row]] = {
        "excursions": [one | {"decision": found.decided.get(one["excursion_no"], OPEN)} for one in found.excursions],
        "excluded": [asdict(one) for one in found.excluded],
        "gaps": [{"start": one.start, "end": one.end, "minutes": one.minutes} for one in found.gaps],
        "trucks": [asdict(one) for one in found.legs],
        "history": found.history,
        "readings": [asdict(one) for one in found.readings],
    }
    csv = partial(link, request, "shipment.csv", id=found.shipment_id)
    return {
        key: Table(key, caption, [Column(*column) for column in columns], rows[key], empty, csv(table=key))
        for key, caption, empty, columns in _TABLES
    }


def _shortened(table: Table) -> Table:
    return replace(table, rows=table.rows[:_MOST_ROWS])


def _charts(request: Request, found: Shipment) -> list[Chart]:
    if not found.readings:
        return []
    curve = Chart(
        "curve",
        link(request, "charts/curve.json", id=found.shipment_id),
        "Temperature in °C over time (UTC). Green: within the limits. Shaded: excursions. Grey: no readings. Dotted: "
        "change of truck. Crosses along the edge: readings that do not count. Every peak is drawn.",
        f"Temperature of shipment {found.shipment_id} over time; the tables have its excursions and readings.",
    )
    way = Chart(
        "map",
        link(request, "charts/way.json", id=found.shipment_id),
        f"Where its readings came from, and the peaks of its excursions. {tiles.credit()}",
        f"Map of the journey of shipment {found.shipment_id}; the table of readings has the positions.",
    )
    placed = any(one.latitude is not None and one.longitude is not None for one in found.readings)
    return [curve, way] if placed else [curve]


def _facts(found: Shipment) -> list[tuple[str, Any, str]]:
    """Return label, value and kind of what stands beside the verdict."""
    row = found.row
    limits = (
        None
        if row["min_threshold"] is None or row["max_threshold"] is None
        else "{:g} to {:g} °C".format(row["min_threshold"], row["max_threshold"])
    )
    longest = found.max_excursion_minutes
    return [
        ("Limits", limits, "text"),
        ("Longest excursion allowed", longest, "minutes"),
        ("Longest excursion", row["longest_excursion_minutes"], "minutes"),
        ("Outside the limits", row["excursion_minutes"], "minutes"),
        ("Furthest beyond", row["max_deviation"], "celsius"),
        ("Mean kinetic temperature", row["mean_kinetic_temperature"], "celsius"),
        ("Lowest", row["min_temperature"], "celsius"),
        ("Highest", row["max_temperature"], "celsius"),
        ("Data cover of the journey", row["data_coverage"], "coverage"),
        ("Readings that count", row["reading_count"], "whole"),
        ("Type", row["shipment_type"], "text"),
        ("Status", row["status"], "text"),
        ("Route", route(row), "text"),
        ("Order", row["order_id"], "text"),
        ("Journey from", row["trip_start"], "instant"),
        ("Journey until", row["trip_end"], "instant"),
        ("Expected", row["expected_delivery_at"], "instant"),
        ("Delivered", row["actual_delivery_at"], "instant"),
    ]
