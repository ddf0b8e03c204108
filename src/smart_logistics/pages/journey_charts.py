"""The charts of shipments: the map of many, and the curve and the way of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from smart_logistics.pages import charts, tiles
from smart_logistics.pages.charts import Spec, moment, position, tooltip, utc
from smart_logistics.views import curve
from smart_logistics.views.routes import RouteMap
from smart_logistics.views.shipment import Shipment

# As long as the shortest excursion is drawn; a stroke makes it seen on a curve of weeks, too.
_LEAST = timedelta(minutes=1)
_MOST_PLACES = 1500
_EXCURSION = {"from_at": "from", "to_at": "until", "severity": "severity", "minutes": "minutes", "peak": "peak, °C"}


def of_routes(found: RouteMap, links: Sequence[str], outlines: str) -> Spec:
    """Return the map of excursions and of the routes on which they happened; ``links`` are those of its places."""
    colour, shape = charts.severity_scales()
    ends = [place for route in found.routes for place in (route.start, route.end)]
    routes = [
        {
            **{"route": f"{one.origin} → {one.destination}", "shipments": one.shipments, "severity": one.severity},
            **{"latitude": one.start[0], "longitude": one.start[1], "latitude2": one.end[0], "longitude2": one.end[1]},
        }
        for one in found.routes
    ]
    places = [
        {
            **{"shipment": one.shipment_id, "truck": one.truck_id, "severity": one.severity, "href": link},
            **{"minutes": round(one.minutes), "peak": round(one.temperature, 1), "peak_at": moment(one.at)},
            **{"latitude": one.latitude, "longitude": one.longitude},
        }
        for one, link in zip(found.places, links, strict=True)
    ]
    far = {"latitude2": {"field": "latitude2"}, "longitude2": {"field": "longitude2"}}
    told = {"shipment": "shipment", "severity": "severity", "truck": "truck", "minutes": "minutes"}
    section = charts.section([*ends, *((one.latitude, one.longitude) for one in found.places)])
    return charts.spec(
        f"Map of {len(places)} excursions by severity, and of the routes on which they happened.",
        height=tiles.HEIGHT,
        usermeta={"said": found.words},
        projection=section.projection,
        layer=[
            *tiles.ground(section, outlines),
            {
                "data": {"values": routes},
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.55, "clip": True},
                "encoding": {
                    **position(),
                    **far,
                    "color": colour,
                    "tooltip": tooltip({"route": "route", "shipments": "shipments with excursions"}),
                },
            },
            {
                "data": {"values": places},
                "mark": {"type": "point", "filled": True, "opacity": 0.85, "stroke": "var(--ground)", "clip": True},
                "encoding": {
                    **position(),
                    "color": colour,
                    "shape": shape,
                    "size": {"field": "minutes", "type": "quantitative", "scale": {"range": [60, 500]}, "legend": None},
                    "href": {"field": "href"},
                    "tooltip": tooltip({**told, "peak": "peak, °C", "peak_at": "peak at"}),
                },
            },
        ],
    )


def of_curve(shipment: Shipment) -> Spec:
    """Return the temperature curve: limits, excursions shaded, gaps, truck changes, readings that do not count."""
    low, high = shipment.row["min_threshold"], shipment.row["max_threshold"]
    drawn = [
        {"at": moment(one.at), "temperature": one.temperature, "stretch": stretch, "truck": one.truck_id}
        for stretch, one in shipment.drawn
    ]
    layers: list[Spec] = []
    if low is not None and high is not None:
        band = {"values": [{"low": low, "high": high}]}
        layers.append(
            {
                "data": band,
                "mark": {"type": "rect", "color": "var(--within)"},
                "encoding": {"y": _celsius("low"), "y2": {"field": "high"}},
            }
        )
        limits = {"values": [{"limit": low, "what": "least allowed"}, {"limit": high, "what": "most allowed"}]}
        rule = {"type": "rule", "color": "var(--none)", "strokeDash": [6, 4], "strokeWidth": 1.5}
        layers.append(
            {
                "data": limits,
                "mark": rule,
                "encoding": {"y": _celsius("limit"), "tooltip": tooltip({"what": "limit", "limit": "°C"})},
            }
        )
    layers += [_gaps(shipment), _excursions(shipment)]
    line = {
        "type": "line",
        "color": "var(--reading)",
        "strokeWidth": 1.75,
        "point": {"size": 14, "color": "var(--reading)"},
    }
    layers.append(
        {
            "data": {"values": drawn},
            "mark": line,
            "encoding": {
                "x": utc("at"),
                "y": _celsius("temperature"),
                "detail": {"field": "stretch", "type": "nominal"},
                "tooltip": tooltip({"at": "when", "temperature": "°C", "truck": "truck"}),
            },
        }
    )
    layers += [_excluded(shipment), *_changes(shipment)]
    return charts.spec(
        f"Temperature of shipment {shipment.shipment_id} over time, in °C, with its limits.",
        height=340,
        layer=layers,
        resolve={"scale": {"color": "independent"}},
    )


def _celsius(field: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": "°C", "scale": {"zero": False}}


def _gaps(shipment: Shipment) -> Spec:
    rows = [
        {"from_at": moment(one.start), "to_at": moment(one.end), "minutes": round(one.minutes)} for one in shipment.gaps
    ]
    return {
        "data": {"values": rows},
        "mark": {
            "type": "rect",
            "fill": "var(--gap)",
            "fillOpacity": 0.8,
            "stroke": "var(--muted)",
            "strokeDash": [4, 3],
        },
        "encoding": {
            "x": utc("from_at"),
            "x2": {"field": "to_at"},
            "tooltip": tooltip({"from_at": "no readings from", "to_at": "until", "minutes": "minutes"}),
        },
    }


def _excursions(shipment: Shipment) -> Spec:
    colour, _ = charts.severity_scales()
    rows = [
        {
            **{"from_at": moment(one["started_at"]), "to_at": moment(one["ended_at"]), "severity": one["severity"]},
            **{"minutes": round(one["minutes"]), "peak": round(one["peak_temperature"], 2)},
            # One that is a single reading has no length, and would not be seen at all.
            "drawn_to": moment(max(one["ended_at"], one["peak_at"], one["started_at"] + _LEAST)),
        }
        for one in shipment.excursions
    ]
    return {
        "data": {"values": rows},
        # The edge tells it from the ground, the shading only helps: of the two the edge has the contrast that it takes.
        "mark": {"type": "rect", "fillOpacity": 0.3, "strokeOpacity": 1, "strokeWidth": 2},
        "encoding": {
            **{"x": utc("from_at"), "x2": {"field": "drawn_to"}, "color": colour, "stroke": colour | {"legend": None}},
            "tooltip": tooltip(_EXCURSION),
        },
    }


def _excluded(shipment: Shipment) -> Spec:
    """Marks along the lower edge: their temperatures, which may be absurd, must not stretch the curve."""
    rows = [
        {"at": moment(one.at), "reason": one.reason, "temperature": one.temperature, "truck": one.truck_id}
        for one in shipment.excluded
        if one.at is not None
    ]
    return {
        "data": {"values": rows},
        "mark": {
            "type": "point",
            "shape": "cross",
            "angle": 45,
            "size": 70,
            "color": "var(--excluded)",
            "filled": True,
        },
        "encoding": {
            "x": utc("at"),
            "y": {"value": {"expr": "height - 6"}},
            "tooltip": tooltip({"at": "does not count", "reason": "why", "temperature": "°C", "truck": "truck"}),
        },
    }


def _changes(shipment: Shipment) -> list[Spec]:
    rows = [
        {"at": moment(one.at), "change": f"→ {one.to_truck}", "before": one.from_truck}
        for one in shipment.truck_changes
    ]
    told = tooltip({"at": "change of truck", "before": "from", "change": "to"})
    return [
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "color": "var(--text)", "strokeDash": [2, 3]},
            "encoding": {"x": utc("at"), "tooltip": told},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 12, "color": "var(--text)"},
            "encoding": {"x": utc("at"), "y": {"value": 8}, "text": {"field": "change"}},
        },
    ]


def _placed(shipment: Shipment) -> list[Spec]:
    """Return the readings that have a position, of many only some; none is left out beside a gap or in an excursion."""
    parts = [
        [one for one in (shipment.readings[index] for index in part) if None not in (one.latitude, one.longitude)]
        for part in curve.stretches(shipment.points, shipment.hold)
    ]
    every = max(1, sum(map(len, parts)) // _MOST_PLACES)
    return [
        {
            **{"latitude": one.latitude, "longitude": one.longitude, "at": moment(one.at)},
            **{"temperature": one.temperature, "truck": one.truck_id, "stretch": stretch},
        }
        for stretch, part in enumerate(parts)
        for number, one in enumerate(part)
        if number % every == 0 or number == len(part) - 1 or one.deviation
    ]


def of_way(shipment: Shipment, outlines: str) -> Spec:
    """Return the map of one journey: its readings in order of time, and the peaks of its excursions.

    The line joins no readings between which none came for longer than one holds: where the truck was then is not known.
    """
    colour, shape = charts.severity_scales()
    way = _placed(shipment)
    peaks = [
        {
            **{"latitude": one["peak_latitude"], "longitude": one["peak_longitude"], "severity": one["severity"]},
            **{
                "peak_at": moment(one["peak_at"]),
                "peak": round(one["peak_temperature"], 2),
                "minutes": round(one["minutes"]),
            },
        }
        for one in shipment.excursions
        if one["peak_latitude"] is not None and one["peak_longitude"] is not None
    ]
    line = {"type": "line", "color": "var(--reading)", "opacity": 0.6, "clip": True}
    dots = {"type": "circle", "color": "var(--reading)", "size": 22, "clip": True}
    section = charts.section([(one["latitude"], one["longitude"]) for one in [*way, *peaks]])
    return charts.spec(
        f"Map of the way of shipment {shipment.shipment_id} with the peaks of its excursions.",
        height=tiles.HEIGHT,
        projection=section.projection,
        layer=[
            *tiles.ground(section, outlines),
            {
                "data": {"values": way},
                "mark": line,
                "encoding": {
                    **position(),
                    "order": {"field": "at"},
                    "detail": {"field": "stretch", "type": "nominal"},
                },
            },
            {
                "data": {"values": way},
                "mark": dots,
                "encoding": {**position(), "tooltip": tooltip({"at": "when", "temperature": "°C", "truck": "truck"})},
            },
            {
                "data": {"values": peaks},
                "mark": {"type": "point", "filled": True, "size": 260, "stroke": "var(--ground)", "clip": True},
                "encoding": {
                    **position(),
                    "color": colour,
                    "shape": shape,
                    "tooltip": tooltip(
                        {"peak_at": "peak at", "peak": "°C", "minutes": "minutes", "severity": "severity"}
                    ),
                },
            },
        ],
    )
