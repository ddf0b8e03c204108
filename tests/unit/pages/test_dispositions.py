"""The form: who may edit decides, from a page of this server, under their own login, once; all others look."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from playwright.sync_api import Browser, Page, expect

from smart_logistics.contracts.dispositions import APP, EXCURSION_DISPOSITIONS
from smart_logistics.dispositions import book
from smart_logistics.lake import tables
from tests.unit.pages import browser as chromium
from tests.unit.pages.airflow_server import Server
from tests.unit.pages.fleet import HOSTILE

Look = Callable[..., Page]
PATH = "/logistics/disposition"
HERE = {"Sec-Fetch-Site": "same-origin"}


class Visitor:
    """A browser that is logged in with a token, or not at all."""

    def __init__(self, server: Server, token: str | None) -> None:
        self._server = server
        self._cookies = {} if token is None else {"_token": token}

    def get(self, path: str, **params: Any) -> httpx.Response:
        return httpx.get(self._server.base + path, params=params or None, cookies=self._cookies, timeout=300)

    def form(self, shipment: str = "S1", number: int = 1, **values: Any) -> dict[str, str]:
        """Return the form as the page gives it, filled in."""
        page = self.get(PATH, shipment=shipment, excursion=number).text
        hidden = {name: html.unescape(v) for name, v in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}
        return hidden | {"decision": "quarantine", "reason": "The door stood open"} | values

    def post(self, data: Mapping[str, str], headers: Mapping[str, str] = HERE) -> httpx.Response:
        return httpx.post(
            self._server.base + PATH, data=dict(data), headers=dict(headers), cookies=self._cookies, timeout=300
        )


@pytest.fixture
def admin(server: Server) -> Visitor:
    return Visitor(server, server.token("admin"))


@pytest.fixture
def vera(server: Server, viewer: str) -> Visitor:
    return Visitor(server, viewer)


def written(server: Server) -> list[dict[str, Any]]:
    return book.entries(server.lakehouse)


def test_who_may_edit_decides_under_their_own_login_and_once(server: Server, admin: Visitor) -> None:
    before = len(written(server))
    sent = admin.form(author="somebody else", via="command line", login="ravi")
    answers = [admin.post(sent) for _ in range(3)]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [
        (303, f"{PATH}?shipment=S1&excursion=1")
    ] * 3
    (entry,) = written(server)[before:]
    assert (entry["author"], entry["via"], entry["decision"]) == ("admin", "airflow", "quarantine")
    page = admin.get(answers[0].headers["location"]).text
    assert "The door stood open" in page
    assert entry["entry_hash"] in page
    assert admin.form()["key"] != sent["key"]
    assert book.verify(server.lakehouse).holds


def test_a_viewer_looks_and_cannot_decide(server: Server, admin: Visitor, vera: Visitor) -> None:
    before, sent = written(server), admin.form()
    page = vera.get(PATH, shipment="S1", excursion=1)
    assert page.status_code == 200
    assert "<form" not in page.text
    assert "You may look, but not decide" in page.text
    assert vera.post(sent).status_code == 403
    assert written(server) == before


def test_without_a_login_there_is_nothing(server: Server, admin: Visitor) -> None:
    before, sent, nobody = written(server), admin.form(), Visitor(server, None)
    for answer in (nobody.get(PATH, shipment="S1"), nobody.post(sent)):
        assert answer.status_code == 401
        assert "S1" not in answer.text
    assert written(server) == before


def test_what_another_page_makes_a_browser_send_is_refused(server: Server, admin: Visitor) -> None:
    before, sent = written(server), admin.form()
    elsewhere: list[dict[str, str]] = [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": server.base},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"{server.base}.evil.example"},
        {"Origin": "null"},
        {"Referer": server.base + PATH},
    ]
    assert [admin.post(sent, headers).status_code for headers in elsewhere] == [403] * len(elsewhere)
    assert written(server) == before
    assert admin.post(sent, {"Origin": server.base}).status_code == 303
    assert len(written(server)) == len(before) + 1


def test_a_script_with_a_token_needs_no_page(server: Server, admin: Visitor, viewer: str) -> None:
    before, sent, nobody = len(written(server)), admin.form(), Visitor(server, None)
    codes = [nobody.post(sent, {"Authorization": f"Bearer {t}"}).status_code for t in (viewer, server.token("admin"))]
    assert codes == [403, 303]
    assert [row["author"] for row in written(server)[before:]] == ["admin"]


def test_of_what_changed_while_it_was_looked_at_nothing_is_written(server: Server, admin: Visitor) -> None:
    before = written(server)
    answer = admin.post(admin.form(seen="0" * 32, reason="thought about <it>"))
    assert answer.status_code == 409
    assert "has changed since it was shown" in answer.text
    assert "thought about &lt;it&gt;</textarea>" in answer.text, "what was typed is not lost"
    assert written(server) == before


def test_what_is_no_decision_is_refused(server: Server, admin: Visitor) -> None:
    before = written(server)
    wrong: dict[int, list[dict[str, Any]]] = {
        422: [{"reason": "   "}, {"decision": "keep"}, {"reason": "x" * 2001}],
        404: [{"excursion": "9"}],
    }
    for code, values in wrong.items():
        assert [admin.post(admin.form(**one)).status_code for one in values] == [code] * len(values)
    assert written(server) == before


def test_a_hostile_shipment_and_reason_are_text(server: Server, admin: Visitor) -> None:
    answer = admin.post(admin.form(HOSTILE, reason="<img src=x onerror=alert(1)>"))
    assert answer.status_code == 303
    page = admin.get(answer.headers["location"])
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "&lt;img src=x" in page.text
    assert written(server)[-1]["shipment_id"] == HOSTILE
    report = admin.get("/logistics/report", shipment=HOSTILE)
    assert (report.status_code, "<script" in report.text) == (200, False)


def test_a_broken_chain_is_said_on_the_page(server: Server, admin: Visitor, vera: Visitor) -> None:
    admin.post(admin.form())
    rows = written(server)
    _replace(server, [rows[0] | {"reason": "none"}, *rows[1:]], len(rows))
    try:
        assert "entry 1 is not what was hashed" in vera.get(PATH, shipment="S1").text
    finally:
        _replace(server, rows, len(rows))
    assert "entry 1 is not what was hashed" not in vera.get(PATH, shipment="S1").text


def _replace(server: Server, rows: list[dict[str, Any]], count: int) -> None:
    """Put other rows in place of the entries, as who may write files can."""
    place = tables.uri(server.lakehouse, EXCURSION_DISPOSITIONS)
    DeltaTable(place).alter.set_table_properties({"delta.appendOnly": "false"})
    arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(EXCURSION_DISPOSITIONS))
    said = CommitProperties(app_transactions=[Transaction(APP, count)])
    write_deltalake(place, arrow, mode="overwrite", commit_properties=said)


def test_a_shipment_without_excursions_has_nothing_to_decide(vera: Visitor) -> None:
    assert vera.get(PATH, shipment="S9").status_code == 404


def test_the_shipments_page_leads_to_reports_and_decisions(vera: Visitor) -> None:
    page = vera.get("/logistics/shipments/S1").text
    links = [html.unescape(one) for one in re.findall(r'href="(/logistics/(?:report|disposition)[^"]*)"', page)]
    assert [vera.get(one).status_code for one in links] == [200, 200, 200]


def test_each_table_can_be_had_as_csv(server: Server, vera: Visitor) -> None:
    got = {one: vera.get(f"{PATH}.csv", shipment="S1", table=one) for one in ("excursions", "decisions", "x")}
    assert [one.status_code for one in got.values()] == [200, 200, 404]
    (excursion,) = csv.DictReader(io.StringIO(got["excursions"].text))
    assert (excursion["started_at"], excursion["decision"]) == ("2026-11-02T08:30:00Z", "quarantine")
    hashes = [row["entry_hash"] for row in csv.DictReader(io.StringIO(got["decisions"].text))]
    assert hashes == [row["entry_hash"] for row in written(server) if row["shipment_id"] == "S1"]
    page = vera.get(PATH, shipment="S1", excursion=1).text
    assert page.count(f"{PATH}.csv?shipment=S1") == 2


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"phone": True}, {"dark": True, "phone": True}])
def test_decisions_and_report_can_be_read_by_everybody(look: Look, vera: Visitor, how: dict[str, bool]) -> None:
    page = look(f"{PATH}?shipment=S1&excursion=1", **how)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert (chromium.breaches(page), page.evaluate(wider)) == ([], 0)
    # As a file: from the server no script runs in it, not even a test's.
    page.goto("about:blank")
    page.set_content(vera.get("/logistics/report", shipment="S1").text)
    assert (chromium.breaches(page), page.evaluate(wider)) == ([], 0)


def test_it_is_decided_by_the_keyboard_alone(server: Server, browser: Browser, complaints: list[str]) -> None:
    before = len(written(server))
    page = chromium.opened(browser, server.base, server.token("admin"), complaints=complaints)
    page.goto(f"{PATH}?shipment=S1&excursion=1")
    # Both clocks: UTC and, half past, India's.
    row = page.locator("#excursions tbody tr")
    expect(row).to_have_attribute("aria-current", "true")
    expect(row).to_contain_text("2 Nov 2026 08:30")
    expect(row).to_contain_text("14:00 local")
    page.get_by_label("release").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("quarantine")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("Decided <i>by keyboard</i>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#decisions tbody")).to_contain_text("Decided <i>by keyboard</i>")
    assert [row["reason"] for row in written(server)[before:]] == ["Decided <i>by keyboard</i>"]
    assert complaints == []
    page.context.close()


def test_the_reports_are_for_who_may_look(server: Server, vera: Visitor) -> None:
    assert Visitor(server, None).get("/logistics/report", shipment="S1").status_code == 401
    page = vera.get("/logistics/report", shipment="S1")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Temperature record of shipment S1" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "sandbox" in page.headers["content-security-policy"]
    paper = vera.get("/logistics/report", shipment="S1", format="pdf")
    assert paper.content.startswith(b"%PDF-")
    assert paper.headers["content-disposition"] == 'attachment; filename="shipment-S1.pdf"'


def test_a_report_that_cannot_be_made_says_why(vera: Visitor) -> None:
    asked = {
        404: [{"shipment": "S9"}],
        410: [{"shipment": "S1", "at": "gold.shipment_analytics=99"}],
        422: [{"shipment": "S1", "at": "x"}, {"shipment": "S1", "zone": "Mars"}, {"shipment": "S1", "format": "exe"}],
    }
    for code, queries in asked.items():
        assert [vera.get("/logistics/report", **query).status_code for query in queries] == [code] * len(queries)
