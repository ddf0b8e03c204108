"""Map tiles: none unless a server is chosen; then that one is asked for what is seen, and for nothing else."""

from __future__ import annotations

import io
import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, Page

from smart_logistics import settings
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.errors import ConfigurationError
from smart_logistics.pages import application, auth, charts, places, tiles
from smart_logistics.views.snapshot import Snapshot
from tests.unit.pages import browser as chromium
from tests.unit.views import lake
from tests.unit.views.lake import START

URL, CREDIT = "LOGISTICS_MAP_TILES_URL", "LOGISTICS_MAP_TILES_ATTRIBUTION"
TEMPLATE = "https://tiles.example:8443/{z}/{x}/{y}.png?key=k"
GREEN = (0, 160, 60)
PLACES = [(18.9, 72.8), (28.6, 77.2), (13.1, 80.3)]


class Asked(list[tuple[str, str | None]]):
    """What a server of tiles was asked for, and from where."""


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def tile_server(asked: Asked) -> Iterator[str]:
    """A server whose every tile is green; its template."""
    picture = io.BytesIO()
    Image.new("RGB", (256, 256), GREEN).save(picture, "PNG")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Referer"]))
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(picture.getvalue())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{{z}}/{{x}}/{{y}}.png"
    server.shutdown()
    server.server_close()


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The pages of one shipment with an excursion, for one who may see the pipeline; their server's address."""
    lake.put(str(tmp_path), SHIPMENT_ANALYTICS, [lake.alert("S1", "Major", 30.0)])
    lake.put(str(tmp_path), TEMPERATURE_EXCURSIONS, [lake.excursion("S1", 1, START)])
    monkeypatch.setattr(places, "snapshot", lambda: Snapshot(str(tmp_path)))
    ours, root = application.make(), FastAPI()
    ours.dependency_overrides[auth.user_of_the_pipeline] = lambda: None
    root.mount("/logistics", ours)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(root, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


def drawn(browser: Browser, base: str, complaints: list[str], *, phone: bool = False) -> tuple[Page, float]:
    """Open the list; return it and the share of its map that is green."""
    page = chromium.opened(browser, base, None, complaints=complaints, phone=phone)
    page.goto("/logistics/shipments")
    assert chromium.wait_for_charts(page) == ["true"]
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.locator("figure canvas").screenshot())).convert("RGB")
    colours = {colour: count for count, colour in picture.getcolors(1 << 24) or []}
    return page, colours.get(GREEN, 0) / (picture.width * picture.height)


@pytest.mark.parametrize("phone", [False, True])
def test_the_chosen_server_is_asked_for_what_is_seen(
    browser: Browser,
    base: str,
    tile_server: str,
    asked: Asked,
    complaints: list[str],
    monkeypatch: pytest.MonkeyPatch,
    phone: bool,
) -> None:
    monkeypatch.setenv(URL, tile_server)
    monkeypatch.setenv(CREDIT, "© <b>mappers</b>")
    page, green = drawn(browser, base, complaints, phone=phone)
    assert complaints == []
    assert green > 0.8
    assert "Outlines by Natural Earth, tiles: © <b>mappers</b>." in page.locator("figcaption").inner_text()
    assert 1 <= len(asked) <= 40
    assert len({path.split("/")[1] for path, _ in asked}) == 1, "one zoom"
    # Which site asks, as such servers demand; not which page of it.
    assert {referrer for _, referrer in asked} == {f"{base}/"}
    assert complaints == []
    page.context.close()


def test_without_a_server_none_is_asked_and_the_outlines_are_there(
    browser: Browser, base: str, asked: Asked, tile_server: str, complaints: list[str]
) -> None:
    page, green = drawn(browser, base, complaints)
    assert green == 0
    assert "Outlines by Natural Earth." in page.locator("figcaption").inner_text()
    # Not even where a page would ask: the browser does not let it.
    page.evaluate("address => { new Image().src = address; }", tile_server.format(z=0, x=0, y=0))
    page.wait_for_timeout(500)
    assert "img-src" in complaints[0]
    assert asked == []
    page.context.close()


def test_another_server_than_the_chosen_one_is_not_asked(
    browser: Browser,
    base: str,
    asked: Asked,
    tile_server: str,
    complaints: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(URL, TEMPLATE.replace("https://tiles.example:8443", "http://127.0.0.1:9"))
    page, green = drawn(browser, base, complaints)
    assert green == 0, "the outlines stay where the tiles do not come"
    complaints.clear()
    page.evaluate("address => { new Image().src = address; }", tile_server.format(z=0, x=0, y=0))
    page.wait_for_timeout(500)
    assert "img-src" in complaints[0]
    assert asked == []
    page.context.close()


def test_a_tile_lies_where_the_world_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, TEMPLATE)
    section = charts.section(PLACES)
    _, layer = tiles.ground(section, "outlines")
    candidates = layer["data"]["values"]
    for z in {one["z"] for one in candidates}:
        by_url = {one["url"]: one for one in candidates if one["z"] == z}
        for latitude, longitude in PLACES:
            # As everybody numbers tiles.
            north = math.asinh(math.tan(math.radians(latitude)))
            x, y = int((longitude + 180) / 360 * 2**z), int((1 - north / math.pi) / 2 * 2**z)
            tile = by_url[f"https://tiles.example:8443/{z}/{x}/{y}.png?key=k"]
            assert tile["west"] <= math.radians(longitude) <= tile["west"] + tile["size"]
            assert tile["north"] - tile["size"] <= north <= tile["north"]
    assert len(candidates) < 200


def test_around_the_whole_world_a_tile_is_asked_for_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, TEMPLATE)
    _, layer = tiles.ground(charts.section([(-60.0, -179.0), (70.0, 179.0)]), "outlines")
    urls = [re.findall(r"/(\d+)/(-?\d+)/(-?\d+)\.png", one["url"])[0] for one in layer["data"]["values"]]
    assert urls
    for z, x, y in ((int(z), int(x), int(y)) for z, x, y in urls):
        assert 0 <= x < 2**z
        assert 0 <= y < 2**z


@pytest.mark.parametrize(
    "text",
    [
        "tiles",
        "ftp://h/{z}/{x}/{y}",
        "https://user:secret@h/{z}/{x}/{y}",
        "https://{s}.h/{z}/{x}/{y}",
        "https://h;script-src *;/{z}/{x}/{y}",
        "https://h https://other/{z}/{x}/{y}",
        "https://h:99999/{z}/{x}/{y}",
        "https://h/{z}/{x}",
        "https://h/{z}/{x}/{y}/{y}",
        "https://h/{z}/{x}/{y}/{",
    ],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=URL) as refused:
        settings.load({URL: text})
    assert "secret" not in str(refused.value)
