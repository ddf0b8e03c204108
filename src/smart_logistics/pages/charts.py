"""Charts as Vega-Lite specifications. Colours are the names of the page's own (``var(--…)``); data are only data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smart_logistics.views.assessment import ALERTS

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SEVERITY_COLOURS = [f"var(--{name.lower()})" for name in ALERTS]
# Told apart without colours, too.
_SHAPES = ["triangle-up", "square", "diamond"]
_CLOCK = (
    "utchours(datum.value) + utcminutes(datum.value) == 0 ? utcFormat(datum.value, '%d %b') "
    ": utcFormat(datum.value, '%H:%M')"
)
_MINUTE = "yearmonthdatehoursminutes"
_MOST_LATITUDE = 80.0
_LEAST_DEGREES = 2.0


def spec(description: str, *, height: int, **rest: Any) -> Spec:
    """Return a specification as wide as its place; a layer without data is left out, of which Vega would complain."""
    if "layer" in rest:
        rest["layer"] = [layer for layer in rest["layer"] if layer["data"].get("values") != []]
    return {
        "$schema": SCHEMA,
        "description": description,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        **rest,
    }


def moment(at: datetime) -> int:
    """Return an instant as Vega wants it: milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def utc(field: str, title: str | None = None, **rest: Any) -> Spec:
    """Return the encoding of an instant on an axis of UTC."""
    axis = {"labelExpr": _CLOCK, "labelOverlap": True}
    return {"field": field, "type": "temporal", "scale": {"type": "utc"}, "title": title, "axis": axis, **rest}


def tooltip(fields: Mapping[str, str]) -> list[Spec]:
    """Return what is told of a mark: field and title; instants are named ``…at``, in UTC and in local time."""
    return [entry for field, title in fields.items() for entry in _told(field, title)]


def _told(field: str, title: str) -> list[Spec]:
    if not field.endswith("at"):
        return [{"field": field, "title": title}]
    at = {"field": field, "type": "temporal"}
    return [
        {**at, "title": title, "timeUnit": f"utc{_MINUTE}", "format": "%d %b %Y %H:%M UTC"},
        {**at, "title": f"{title}, local", "timeUnit": _MINUTE, "format": "%d %b %Y %H:%M"},
    ]


def severity_scales() -> tuple[Spec, Spec]:
    """Return the encodings of ``severity`` by colour and by shape."""
    return (
        {"field": "severity", "type": "nominal", "scale": {"domain": list(ALERTS), "range": SEVERITY_COLOURS}},
        {"field": "severity", "type": "nominal", "scale": {"domain": list(ALERTS), "range": _SHAPES}},
    )


@dataclass(frozen=True)
class Section:
    """The part of a Mercator map that must be seen: its middle and its size, in radians, ``y`` to the north."""

    x: float
    y: float
    width: float
    height: float

    @property
    def scale(self) -> str:
        """The expression for how many pixels a radian takes."""
        return f"min(width/{self.width}, height/{self.height})"

    @property
    def projection(self) -> Spec:
        """The projection that shows it."""
        middle = f"[width/2 - {self.scale}*({self.x}), height/2 + {self.scale}*({self.y})]"
        return {"type": "mercator", "scale": {"expr": self.scale}, "translate": {"expr": middle}}


def section(places: Iterable[tuple[float, float]]) -> Section:
    """Return the part in which all places (latitude, longitude) are seen, with some room around them."""
    known = [(lat, lon) for lat, lon in places if abs(lat) <= _MOST_LATITUDE] or [(8.0, 68.0), (36.0, 97.0)]
    west, east = min(lon for _, lon in known), max(lon for _, lon in known)
    south, north = min(lat for lat, _ in known), max(lat for lat, _ in known)
    room = max(_LEAST_DEGREES, 0.08 * (east - west), 0.08 * (north - south))
    left, right = math.radians(west - room), math.radians(east + room)
    bottom, top = _mercator(south - room), _mercator(north + room)
    return Section((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


def _mercator(latitude: float) -> float:
    within = max(-85.0, min(85.0, latitude))
    return math.log(math.tan(math.pi / 4 + math.radians(within) / 2))


def position(latitude: str = "latitude", longitude: str = "longitude") -> Spec:
    """Return the encodings of a place on a map."""
    return {
        "latitude": {"field": latitude, "type": "quantitative"},
        "longitude": {"field": longitude, "type": "quantitative"},
    }


def trend(
    description: str, rows: Sequence[Mapping[str, Any]], *, x: str, y: str, title: str, height: int = 180
) -> Spec:
    """Return a line over time of rows that have the instant ``x`` and the number ``y`` (null = not drawn)."""
    data = [{**row, x: moment(row[x])} for row in rows]
    return spec(
        description,
        height=height,
        data={"values": data},
        mark={"type": "line", "point": True, "color": "var(--reading)"},
        encoding={
            # Of few points not one label for each minute.
            "x": utc(x, axis={"labelExpr": _CLOCK, "labelOverlap": True, "tickCount": 12}),
            "y": {"field": y, "type": "quantitative", "title": title},
            "tooltip": tooltip({x: "when", y: title}),
        },
    )
