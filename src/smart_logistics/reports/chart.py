"""The temperature curve as a Vega-Lite specification, and its picture: for the page as SVG, for paper as PNG.

Times are UTC by the scale itself, whatever the machine's time zone. Nothing is clipped: a clip's name counts upwards in
the renderer's process, and the same report would differ.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fontpkg_fira_sans
import vl_convert

from smart_logistics.reports.words import number
from smart_logistics.views.shipment import Shipment

FONT = "Fira Sans"
WIDTH, HEIGHT = 680, 260
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCHEMA_VERSION = "5.20"
_LINE, _LIMIT, _WARM, _GAP = "#1f5a8a", "#9a1b1b", "#d9534f", "#8a8f94"
# The renderer keeps one runtime for the process.
_rendering = threading.Lock()


def specification(shipment: Shipment) -> dict[str, Any]:
    """Return the curve with its limits, excursions, gaps and changes of truck."""
    values = [{"t": _ms(one.at), "c": one.temperature, "part": stretch} for stretch, one in shipment.drawn]
    layers = [
        _spans(_excursions(shipment), _WARM, 0.25),
        _spans([(gap.start, gap.end) for gap in shipment.gaps], _GAP, 0.25),
        *_limits(shipment.row),
        _rules([change.at for change in shipment.truck_changes]),
        {"data": {"values": values}, "mark": {"type": "line", "color": _LINE, "strokeWidth": 1.2}} | _curve(True),
        {"data": {"values": values}, "mark": {"type": "point", "color": _LINE, "filled": True, "size": 6}}
        | _curve(False),
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "height": HEIGHT,
        "config": {"font": FONT, "view": {"stroke": "#666"}, "axis": {"labelFontSize": 10, "titleFontSize": 11}},
        "layer": [layer for layer in layers if layer["data"]["values"]],
    }


def told(shipment: Shipment) -> str:
    """Return what the chart shows, in words."""
    row = shipment.row
    measured = [point.temperature for point in shipment.points]
    parts = [
        f"{len(measured)} readings from {number(min(measured), '°C')} to {number(max(measured), '°C')}",
        f"shaded red the excursions ({len(shipment.excursions)})",
        f"shaded grey the gaps without readings ({len(shipment.gaps)})",
        f"dashed upwards the changes of truck ({len(shipment.truck_changes)})",
        f"dashed across the limits {number(row['min_threshold'], '°C')} and {number(row['max_threshold'], '°C')}",
    ]
    return f"Temperature over time: {', '.join(parts)}."


def _excursions(shipment: Shipment) -> list[tuple[datetime, datetime]]:
    return [(one["started_at"], max(one["ended_at"], one["peak_at"])) for one in shipment.excursions]


def _spans(spans: Sequence[tuple[datetime, datetime]], colour: str, opacity: float) -> dict[str, Any]:
    # A span of no length would not be seen at all.
    widened = [(start, max(end, start + timedelta(minutes=1))) for start, end in spans]
    return {
        "data": {"values": [{"t": _ms(start), "u": _ms(end)} for start, end in widened]},
        "mark": {"type": "rect", "color": colour, "opacity": opacity},
        "encoding": {"x": _time(), "x2": {"field": "u"}},
    }


def _limits(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    given = [value for value in (row["min_threshold"], row["max_threshold"]) if value is not None]
    yield {
        "data": {"values": [{"c": value} for value in given]},
        "mark": {"type": "rule", "color": _LIMIT, "strokeDash": [6, 3]},
        "encoding": {"y": _temperature()},
    }


def _rules(moments: Sequence[datetime]) -> dict[str, Any]:
    return {
        "data": {"values": [{"t": _ms(moment)} for moment in moments]},
        "mark": {"type": "rule", "color": "#333", "strokeDash": [2, 3]},
        "encoding": {"x": _time()},
    }


def _curve(is_line: bool) -> dict[str, Any]:
    detail = {"detail": {"field": "part", "type": "nominal"}} if is_line else {}
    return {"encoding": {"x": _time(), "y": _temperature(), **detail}}


def _time() -> dict[str, Any]:
    axis = {"title": "UTC", "format": "%d %b %H:%M", "labelOverlap": True, "tickCount": 8, "labelFlush": False}
    return {"field": "t", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _temperature() -> dict[str, Any]:
    return {"field": "c", "type": "quantitative", "scale": {"zero": False}, "axis": {"title": "°C"}}


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def svg(specification: Mapping[str, Any]) -> bytes:
    """Return the chart as a picture of lines and text."""
    with _rendering:
        _use_font()
        return str(vl_convert.vegalite_to_svg(dict(specification), vl_version=_SCHEMA_VERSION)).encode()


def png(specification: Mapping[str, Any]) -> bytes:
    """Return the chart as a picture of dots, three for each of the specification's."""
    with _rendering:
        _use_font()
        return bytes(vl_convert.vegalite_to_png(dict(specification), vl_version=_SCHEMA_VERSION, scale=3))


def _use_font() -> None:
    vl_convert.register_font_directory(str(Path(fontpkg_fira_sans.ROOT, "files")))
