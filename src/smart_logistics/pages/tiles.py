"""Maps: the countries' outlines, which come with the pages, and on them tiles of a server that the site has chosen.

Without ``LOGISTICS_MAP_TILES_URL`` nothing is asked of another server. With it, browsers ask that one for pictures of
the section that they show, and for nothing else; where it does not answer the outlines are seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from smart_logistics import settings
from smart_logistics.pages.charts import Section, Spec

# How high a map is, and how wide a page shows it at least and at most (pages.css), in pixels.
HEIGHT = 420
_WIDTHS = (280, 1440)
# What a tile measures where its server drew it.
_PIXELS = 256
_CALCULATED = {
    "left": "width/2 + {scale}*(datum.west - ({x}))",
    "right": "width/2 + {scale}*(datum.west + datum.size - ({x}))",
    "top": "height/2 - {scale}*(datum.north - ({y}))",
    "bottom": "height/2 - {scale}*(datum.north - datum.size - ({y}))",
}


@dataclass(frozen=True)
class Tiles:
    """A server of tiles: the template of their addresses, and what its owner wants said."""

    template: str
    attribution: str

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a browser must be allowed to ask for pictures."""
        parts = urlsplit(self.template)
        return f"{parts.scheme}://{parts.netloc}"

    def address(self, z: int, x: int, y: int) -> str:
        """Return the address of a tile; beyond the map's eastern and western edge it begins anew."""
        return self.template.replace("{z}", str(z)).replace("{x}", str(x % 2**z)).replace("{y}", str(y))


def chosen() -> Tiles | None:
    """Return the server that the settings name; None where they name none."""
    told = settings.load()
    template = told["MAP_TILES_URL"]
    return None if template is None else Tiles(template, told["MAP_TILES_ATTRIBUTION"] or urlsplit(template).netloc)


def credit() -> str:
    """Return what a map's caption says about where it comes from."""
    tiles = chosen()
    return "Outlines by Natural Earth." if tiles is None else f"Outlines by Natural Earth, tiles: {tiles.attribution}."


def ground(section: Section, outlines: str) -> list[Spec]:
    """Return the layers that places are shown on."""
    tiles = chosen()
    land = {
        "data": {"url": outlines, "format": {"type": "topojson", "feature": "countries"}},
        "mark": {"type": "geoshape", "fill": "var(--land)", "stroke": "var(--border)", "clip": True},
    }
    return [land] if tiles is None else [land, _layer(section, tiles)]


def _layer(section: Section, tiles: Tiles) -> Spec:
    """Return the tiles' layer. How wide the map is only the browser knows: it takes those that it sees, at one zoom."""
    zoom = f"max(0, round(log({section.scale}*2*PI/{_PIXELS})/LN2))"
    calculated = [
        {"calculate": text.format(scale=section.scale, x=section.x, y=section.y), "as": name}
        for name, text in _CALCULATED.items()
    ]
    seen = "datum.right > 0 && datum.left < width && datum.bottom > 0 && datum.top < height"
    axis = {"type": "quantitative", "scale": None, "axis": None}
    return {
        "data": {"values": list(_candidates(section, tiles))},
        "transform": [{"filter": f"datum.z == {zoom}"}, *calculated, {"filter": seen}],
        "mark": {"type": "image", "aspect": False, "clip": True, "aria": False},
        "encoding": {
            **{"x": {"field": "left", **axis}, "x2": {"field": "right"}},
            **{"y": {"field": "top", **axis}, "y2": {"field": "bottom"}},
            "url": {"field": "url"},
        },
    }


def _zoom(section: Section, width: int) -> int:
    scale = min(width / section.width, HEIGHT / section.height)
    return max(0, round(math.log2(scale * 2 * math.pi / _PIXELS)))


def _candidates(section: Section, tiles: Tiles) -> Iterator[Spec]:
    """Yield the tiles that a map of any width may show: their north-western corner and size in radians."""
    for z in range(_zoom(section, _WIDTHS[0]), _zoom(section, _WIDTHS[1]) + 1):
        size = 2 * math.pi / 2**z
        # At this zoom a tile is drawn as 0.7 to 1.4 times what it measures.
        least = _PIXELS / size / math.sqrt(2) if z else min(_WIDTHS[0] / section.width, HEIGHT / section.height)
        across, down = _WIDTHS[1] / least / 2, HEIGHT / least / 2
        columns = _tiles_between(section.x - across + math.pi, section.x + across + math.pi, size)
        rows = _tiles_between(math.pi - section.y - down, math.pi - section.y + down, size)
        for x in columns:
            for y in rows:
                if 0 <= y < 2**z:
                    corner = {"west": x * size - math.pi, "north": math.pi - y * size, "size": size}
                    yield {"z": z, **corner, "url": tiles.address(z, x, y)}


def _tiles_between(first: float, last: float, size: float) -> range:
    return range(math.floor(first / size), math.floor(last / size) + 1)
