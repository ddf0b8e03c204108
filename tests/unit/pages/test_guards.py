"""Without a log-in nothing; as a viewer to look and no more; whatever is answered, with the headers that protect it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi.routing import APIRoute

from smart_logistics.pages import application
from smart_logistics.pages.assets import OUTLINES
from tests.unit.pages.airflow_server import Server
from tests.unit.pages.fleet import HOSTILE

# Every route that there is: one that is added is in these tests by itself.
ROUTES = {
    (re.sub("{[^}]*}", "x", route.path), method)
    for route in application.make().routes
    if isinstance(route, APIRoute)
    for method in route.methods
}
PATHS = sorted({path for path, _ in ROUTES})


def answer(server: Server, path: str, token: str | None = None, method: str = "GET") -> httpx.Response:
    cookies = {} if token is None else {"_token": token}
    return httpx.request(method, server.base + path, cookies=cookies, timeout=120)


@pytest.mark.parametrize("token", [None, "", "x.y.z"])
@pytest.mark.parametrize("path", [*PATHS, "/shipments/S1", "/static/charts.js", "/nothing"])
def test_without_a_login_there_is_nothing(server: Server, path: str, token: str | None) -> None:
    got = answer(server, f"/logistics{path}", token)
    assert got.status_code == (404 if path == "/nothing" else 401)
    assert "S1" not in got.text
    assert "default-src 'none'" in got.headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [*PATHS, "/shipments/S1", "/static/pages.js"])
def test_nobody_and_no_viewer_changes_anything(server: Server, viewer: str, path: str, method: str) -> None:
    may_write = (path, method) in ROUTES
    for token, code in ((None, 401), (viewer, 403)):
        assert answer(server, f"/logistics{path}", token, method).status_code == (code if may_write else 405)


def test_a_viewer_may_look_at_everything_and_one_route_writes(server: Server, viewer: str) -> None:
    assert {route for route in ROUTES if route[1] != "GET"} == {("/disposition", "POST")}
    assert len(PATHS) > 20
    for path in PATHS:
        # Without what they ask for many say that it is not there, or what they need; none that it is not allowed.
        assert answer(server, f"/logistics{path}", viewer).status_code in (200, 404, 422), path


def test_every_answer_has_its_headers(server: Server, viewer: str) -> None:
    for path in ("/shipments", "/shipments/S1", "/shipments.csv", "/static/pages.css", "/nothing"):
        headers = answer(server, f"/logistics{path}", viewer).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "SAMEORIGIN")
        assert "private" in headers["Cache-Control"]


def test_only_the_files_that_are_named_are_served(server: Server, viewer: str) -> None:
    assert answer(server, f"/logistics/static/{OUTLINES}", viewer).status_code == 200
    for name in ("web.py", "..%2fweb.py", "..%2f..%2fsettings.py", "outlines.LICENSE", "%00"):
        assert answer(server, f"/logistics/static/{name}", viewer).status_code == 404


def test_nothing_comes_from_another_server(server: Server, viewer: str) -> None:
    for path in ("/shipments", "/shipments/S1"):
        text = answer(server, f"/logistics{path}", viewer).text
        for attribute in (" src=", " href=", " data-spec=", " action="):
            for piece in text.split(attribute)[1:]:
                assert re.match('"(/[^/]|#|data:,")', piece), piece[:80]
    files = Path(application.__file__).parent / "static"
    assert "://" not in (files / "pages.js").read_text() + (files / "pages.css").read_text()


def test_every_table_can_be_had_as_csv(server: Server, viewer: str) -> None:
    got = answer(server, "/logistics/shipments.csv?severity=any", viewer)
    rows = list(csv.DictReader(io.StringIO(got.text)))
    assert got.headers["Content-Disposition"] == 'attachment; filename="shipments.csv"'
    assert [row["shipment_id"] for row in rows] == ["S-critical", "S1", HOSTILE, "..", "S-minor"]
    assert rows[1]["trip_start"] == "2026-11-02T08:00:00Z"
    every = answer(server, "/logistics/shipments.csv", viewer).text
    assert "'=cmd()" in every, "a spreadsheet would run it"
    for table, least in {"excursions": 1, "excluded": 4, "gaps": 1, "trucks": 2, "history": 2, "readings": 6}.items():
        got = answer(server, f"/logistics/shipment.csv?id=S1&table={table}", viewer)
        assert (got.status_code, len(list(csv.reader(io.StringIO(got.text)))) - 1) == (200, least), table
    assert answer(server, "/logistics/shipment.csv?id=S1&table=x", viewer).status_code == 404
    hostile = urlencode({"id": HOSTILE, "table": "trucks"})
    assert HOSTILE in answer(server, f"/logistics/shipment.csv?{hostile}", viewer).text.replace('""', '"')


def test_a_chart_draws_what_gold_says(server: Server, viewer: str) -> None:
    layers = answer(server, "/logistics/charts/curve.json?id=S1", viewer).json()["layer"]
    drawn: dict[str, list[list[dict[str, Any]]]] = {}
    for layer in layers:
        drawn.setdefault(layer["mark"]["type"], []).append(layer["data"]["values"])
    points = [(one["temperature"], one["stretch"]) for one in drawn["line"][0]]
    assert points == [(5.0, 0), (12.0, 0), (9.0, 0), (6.0, 0), (5.0, 1), (7.0, 1)]
    limits, gaps, excursions = drawn["rect"]
    assert limits == [{"low": 2.0, "high": 8.0}]
    assert [one["minutes"] for one in gaps] == [120]
    assert [(one["severity"], one["minutes"], one["peak"]) for one in excursions] == [("Major", 30, 12.0)]
    assert [one["change"] for one in drawn["rule"][1]] == ["→ MH02CD0002"]
    # The one whose time cannot be read has no place on the curve; the table has it.
    reasons = [one["reason"] for one in drawn["point"][0]]
    assert reasons == ["TEMPERATURE_RANGE", "NULL_CRITICAL_FIELD", "DUPLICATE_DETECTED"]
