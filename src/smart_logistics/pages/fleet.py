"""Fleet and routes: on time or not, how long too warm or too cold, by which trucks, and how it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from smart_logistics.pages import charts, places, query, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.charts import Spec
from smart_logistics.pages.web import Chart, Column, Table, link
from smart_logistics.views import fleet
from smart_logistics.views.assessment import ALERTS
from smart_logistics.views.fleet import Fleet
from smart_logistics.views.snapshot import Row, Snapshot

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
_MOST_ROWS = 50
_GRAVE = tuple(reversed(ALERTS))
_RATES = (
    Column("deliveries", "Deliveries", "whole"),
    Column("on_time_rate", "On time", "percent"),
    Column("average_delay", "Late by, min (mean)", "number"),
)
_EXCURSIONS = (
    Column("excursion_count", "Excursions", "whole"),
    Column("excursion_minutes", "Outside limits", "minutes"),
)
_BY_SEVERITY = tuple(Column(f"{name.lower()}_excursions", name, "whole") for name in _GRAVE)
_ALERTS = tuple(Column(f"{name.lower()}_alerts", f"{name} alerts", "whole") for name in _GRAVE)
_READINGS = (
    Column("reading_count", "Readings", "whole"),
    Column("outlier_count", "Outliers", "whole"),
    Column("covered_minutes", "Time covered", "minutes"),
)
_FURTHEST = Column("max_deviation", "Furthest, °C", "number")


@dataclass(frozen=True)
class _Asked:
    """What a reader asks for: days and a part of a plate, and the figures of them."""

    snapshot: Snapshot
    found: Fleet
    truck: str

    @property
    def query(self) -> dict[str, str]:
        """The same as it stands in an address."""
        within = self.found.period
        return {"since": within.first.isoformat(), "until": within.last.isoformat(), "truck": self.truck}


# None of these is async: reading tables would hold up the server's other answers.
@router.get("/fleet")
def overview(request: Request) -> HTMLResponse:
    """Return the page."""
    asked = _asked(request)
    total = asked.found.total
    return web.page(
        request,
        "fleet.html",
        asked=asked.query,
        total=total,
        days=len(asked.found.period.days),
        words=_words(total),
        level=next((name.lower() for name in _GRAVE if total[f"{name.lower()}_excursions"]), ""),
        counts=[(name, total[f"{name.lower()}_excursions"]) for name in _GRAVE],
        charts=[_chart(request, asked, one) for one in _CHARTS if _is_known(asked.found.days, one)],
        tables=[_TABLES[name](request, asked, _MOST_ROWS) for name in _TABLES],
    )


@router.get("/fleet/{name}.csv")
def export(request: Request, name: str) -> Response:
    """Return a table, whole: worst (every truck, the worst first), routes, types or days."""
    if name not in _TABLES:
        raise HTTPException(404, "there is no such table")
    return web.csv_of_table(_TABLES[name](request, _asked(request), None))


@router.get("/charts/fleet-{name}.json")
def chart(request: Request, name: str) -> Spec:
    """Return the specification of a chart."""
    if name not in _CHARTS:
        raise HTTPException(404, "there is no such chart")
    title, caption = _CHARTS[name]
    rows = [{**row, "at": datetime.combine(row["day"], time(), UTC)} for row in _asked(request).found.days]
    if name == "alerts":
        return _alerts(caption, rows)
    if name == "on-time":
        rows = [{**row, "percent": None if (of := row["on_time_rate"]) is None else 100 * of} for row in rows]
    measure = {"on-time": "percent", "minutes": "excursion_minutes"}[name]
    return charts.trend(
        caption, [{"at": row["at"], measure: row[measure]} for row in rows], x="at", y=measure, title=title
    )


_CHARTS = {
    "on-time": ("% on time", "Share of the deliveries of each day that were on time; a day without one has no point."),
    "minutes": (
        "minutes",
        "Minutes outside the limits, of the excursions that began on each day; a day on which no truck reported has no "
        "point.",
    ),
    "alerts": ("excursions", "Excursions that began on each day, by severity."),
}
_DRAWN_OF = {"on-time": "on_time_rate", "minutes": "excursion_minutes", "alerts": "excursion_count"}


def _is_known(days: Sequence[Row], name: str) -> bool:
    """Whether there is a day to draw: a chart of none has no axis to be drawn on."""
    return any(day[_DRAWN_OF[name]] is not None for day in days)


def _asked(request: Request) -> _Asked:
    given, snapshot = request.query_params, places.snapshot()
    first, last = (query.midnight(given.get(name, "")) for name in ("since", "until"))
    within = fleet.period(snapshot, first.date() if first else None, last.date() if last else None)
    truck = query.text(request, "truck")
    return _Asked(snapshot, fleet.fleet(snapshot, within, truck=truck), truck)


def _words(total: Row) -> str:
    if total["on_time_rate"] is None:
        return "No delivery of which both dates are known"
    # Rounded down: of a thousand deliveries one late is not 100 %.
    share, of = int(100 * total["on_time_deliveries"] // total["deliveries"]), total["deliveries"]
    return f"{share} % of {of:,} {'delivery was' if of == 1 else 'deliveries were'} on time"


def _alerts(description: str, rows: list[dict[str, Any]]) -> Spec:
    bars = [
        {"at": charts.moment(row["at"]), "severity": name, "excursions": row[f"{name.lower()}_excursions"]}
        for row in rows
        for name in ALERTS
    ]
    colour, _ = charts.severity_scales()
    return charts.spec(
        description,
        height=180,
        data={"values": bars},
        # Days of which nothing is known keep their place on the axis.
        mark={"type": "bar", "tooltip": True, "invalid": "break-paths-show-domains"},
        encoding={
            "x": charts.utc("at", timeUnit="utcyearmonthdate"),
            "y": {"field": "excursions", "type": "quantitative", "title": "excursions"},
            "color": colour,
            "tooltip": charts.tooltip({"at": "day", "severity": "severity", "excursions": "excursions"}),
        },
    )


def _chart(request: Request, asked: _Asked, name: str) -> Chart:
    _, caption = _CHARTS[name]
    return Chart(
        "trend",
        link(request, f"charts/fleet-{name}.json", **asked.query),
        caption,
        f"{caption} The table of days below has the same figures.",
    )


def _worst(request: Request, asked: _Asked, most: int | None) -> Table:
    columns = [
        Column("truck_id", "Truck", link=lambda row: link(request, "shipments", truck=row["truck_id"])),
        *_EXCURSIONS,
        *_BY_SEVERITY,
        _FURTHEST,
        Column("shipments", "Trips begun", "whole"),
        *_RATES,
        *_READINGS,
        Column("days", "Days", "whole"),
    ]
    rows = asked.found.trucks if most is None else asked.found.worst
    return _table(request, asked, "worst", "Trucks with the most time outside limits", columns, rows)


def _routes(request: Request, asked: _Asked, most: int | None) -> Table:
    def of_route(row: Mapping[str, Any]) -> str:
        cities = {"origin": row["origin_city"], "destination": row["destination_city"]}
        days = {name: asked.query[name] for name in ("since", "until")}
        return link(request, "shipments", **cities, **days)

    columns = [
        Column("origin_city", "From"),
        Column("destination_city", "To", link=of_route),
        Column("shipments", "Shipments created", "whole"),
        *_RATES,
        *_EXCURSIONS,
        *_ALERTS,
    ]
    rows = fleet.routes(asked.snapshot, asked.found.period)[:most]
    return _table(request, asked, "routes", "Routes with the most late deliveries", columns, rows)


def _types(request: Request, asked: _Asked, most: int | None) -> Table:
    days = {name: asked.query[name] for name in ("since", "until")}
    columns = [
        Column("shipment_type", "Type", link=lambda row: link(request, "shipments", kind=row["shipment_type"], **days)),
        Column("shipments", "Shipments created", "whole"),
        Column("alerts", "Alerts", "whole"),
        *_ALERTS,
        *_EXCURSIONS,
        *_RATES,
    ]
    rows = fleet.types(asked.snapshot, asked.found.period)[:most]
    return _table(request, asked, "types", "Alerts by type of shipment", columns, rows)


def _days(request: Request, asked: _Asked, most: int | None) -> Table:
    columns = [
        Column("day", "Day (UTC)"),
        *_RATES,
        *_EXCURSIONS,
        *_BY_SEVERITY,
        _FURTHEST,
        Column("shipments", "Trips begun", "whole"),
        *_READINGS,
        Column("trucks", "Trucks", "whole"),
    ]
    return _table(request, asked, "days", "Days, the newest first", columns, asked.found.days[::-1][:most])


_TABLES = {"worst": _worst, "routes": _routes, "types": _types, "days": _days}


def _table(request: Request, asked: _Asked, key: str, caption: str, columns: list[Column], rows: list[Row]) -> Table:
    csv = link(request, f"fleet/{key}.csv", **asked.query)
    return Table(key, caption, columns, rows, empty="None in these days.", csv=csv)
