"""Shipments at risk in a real browser, on Airflow's own server."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.unit.pages import browser as chromium
from tests.unit.pages.airflow_server import PASSWORDS, Server
from tests.unit.pages.fleet import HOSTILE, HOSTILE_FILE

Look = Callable[..., Page]
LIST = "/logistics/shipments"


def listed(page: Page) -> list[str]:
    return page.locator("#shipments tbody tr td:first-child").all_text_contents()


def test_the_answer_is_at_the_top_and_everything_is_there(look: Look, complaints: list[str]) -> None:
    page = look(LIST)
    expect(page.get_by_role("heading", level=1)).to_have_text("3 shipments need a decision")
    assert listed(page) == ["S-critical", "S1", HOSTILE, "..", "S-minor", "=cmd()", "S-unknown", "S2"]
    assert chromium.wait_for_charts(page) == ["true"]
    expect(page.locator("figure canvas")).to_be_visible()
    assert complaints == []


def test_the_list_is_seen_whole_on_a_desk(look: Look) -> None:
    page = look(f"{LIST}?severity=Critical")
    assert page.locator("#shipments .wide").evaluate("one => one.scrollWidth - one.clientWidth") <= 0


def test_the_map_says_what_is_not_on_it(look: Look) -> None:
    page = look(f"{LIST}?severity=any")
    caption = page.locator("figure figcaption")
    # Of a city whose name would be markup no place is known.
    expect(caption).to_contain_text("3 of 3 excursions are on the map. 3 of 4 routes are drawn, 1 has a city")
    with page.expect_download() as saved:
        caption.get_by_role("link", name="All excursions as CSV").click()
    rows = list(csv.DictReader(Path(saved.value.path()).read_text(encoding="utf-8").splitlines()))
    assert [row["shipment_id"] for row in rows] == ["S-critical", HOSTILE, "S1"]


@pytest.mark.parametrize(
    ("label", "choice", "expected"),
    [
        ("Severity", "Critical", {"S-critical"}),
        ("Severity", "Any alert", {"S-critical", "S1", HOSTILE, "..", "S-minor"}),
        ("Type", "Frozen", {"S-critical"}),
        ("Type", HOSTILE, {HOSTILE}),
        ("Status", "In Transit", {"S-critical"}),
        ("From", "Chennai", {"S-minor", ".."}),
        ("To", "Delhi", {"S-critical"}),
        ("Data", "Too few readings", {"S1", "S-unknown", "=cmd()"}),
        ("Decision", "Open", {"S-critical", "..", "S-minor"}),
        ("Decision", "Decided", {"S1", HOSTILE}),
        ("Decision", "Quarantine", {"S1", HOSTILE}),
        ("Decision", "Reject", set()),
    ],
)
def test_each_filter_to_choose(look: Look, label: str, choice: str, expected: set[str]) -> None:
    page = look(LIST)
    page.get_by_label(label, exact=True).select_option(label=choice)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("(show all)")).to_be_visible()
    assert set(listed(page)) == expected
    # The address says it all: sent to somebody else it shows the same.
    assert set(listed(look(page.url))) == expected


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("Truck", "tn09", {"S-minor"}),
        ("Shipment", "S-m", {"S-minor"}),
        ("Created until (UTC)", "2026-10-01", {"=cmd()"}),
        ("Created from (UTC)", "2026-11-03", set()),
    ],
)
def test_each_filter_to_fill_in(look: Look, label: str, text: str, expected: set[str]) -> None:
    page = look(LIST)
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Enter")
    expect(page.get_by_text("(show all)")).to_be_visible()
    assert set(listed(page)) == expected


def test_what_is_no_filter_asks_for_nothing(look: Look) -> None:
    odd = "?severity=x&since=then&until=9999-12-31&page=99999999999999999999&sort=;DROP&status=%00"
    assert len(listed(look(LIST + odd))) == 8


def test_one_shipment_shows_what_the_answer_rests_on(look: Look, complaints: list[str]) -> None:
    page = look(f"{LIST}/S1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Shipment S1: outside its limits")
    expect(page.locator(".verdict")).to_contain_text(
        "70 % of the journey, which is too little to say that it was within its limits"
    )
    assert chromium.wait_for_charts(page) == ["true", "true"]
    for table, text in {
        "excursions": "KA01AB0001",
        "excluded": "TEMPERATURE_RANGE",
        "gaps": "2 h",
        "trucks": "MH02CD0002",
        "history": "In Transit",
        "readings": "12.0 °C",
    }.items():
        expect(page.locator(f"#{table} tbody")).to_contain_text(text)
    expect(page.get_by_role("complementary")).to_contain_text("treated as was decided: quarantine")
    expect(page.locator("#excursions tbody")).to_contain_text("quarantine")
    # Both clocks: UTC and, half past, India's.
    expect(page.locator("#trucks tbody tr").first).to_contain_text("2 Nov 2026 08:00")
    expect(page.locator("#trucks tbody tr").first).to_contain_text("13:30 local")
    assert complaints == []


@pytest.mark.parametrize(
    ("shipment", "words"),
    [
        ("=cmd()", "no excursion seen, but the readings do not cover the journey"),
        ("S-unknown", "no readings: nothing is known"),
    ],
)
def test_what_is_not_measured_is_not_called_good(look: Look, shipment: str, words: str) -> None:
    page = look(f"{LIST}?data=low")
    row = page.locator("#shipments tbody tr").filter(has=page.get_by_role("link", name=shipment, exact=True))
    expect(row).to_contain_text(words)
    row.get_by_role("link", name=shipment, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {shipment}: {words}")
    expect(page.locator(".verdict")).to_have_class("verdict ")
    expect(page.get_by_role("complementary")).to_contain_text("Ask the carrier for the logger's own record")


def test_what_is_decided_does_not_count_as_open(look: Look) -> None:
    page = look(LIST)
    counts = page.locator(".counts li")
    expect(counts.filter(has_text="Open")).to_have_text("Open 3")
    expect(counts.filter(has_text="Decided")).to_have_text("Decided 2")
    rows = page.locator("#shipments tbody tr")
    expect(rows.filter(has=page.get_by_role("link", name="S1", exact=True))).to_contain_text("quarantine")
    counts.get_by_role("link", name="Decided").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "2 shipments with excursions are decided, none waits for a decision"
    )
    page.locator("#shipments").get_by_role("link", name="quarantine").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Decisions about shipment S1")
    page = look(f"{LIST}/S-critical")
    expect(page.get_by_role("complementary")).to_contain_text("Hold the goods until quality assurance has decided")


@pytest.mark.parametrize("shipment", [HOSTILE, "..", "=cmd()"])
def test_a_hostile_id_is_text_and_has_its_page(look: Look, shipment: str, complaints: list[str]) -> None:
    page = look(LIST)
    chromium.wait_for_charts(page)
    page.locator("#shipments").get_by_role("link", name=shipment, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Shipment {shipment}:")
    chromium.wait_for_charts(page)
    assert page.evaluate("window.hurt") is None
    if shipment == HOSTILE:
        expect(page.locator("#readings tbody")).to_contain_text(HOSTILE_FILE)
    assert complaints == []


def test_a_shipment_that_is_not_there_is_said_in_words(look: Look) -> None:
    page = look(f"{LIST}/<b>nobody</b>")
    expect(page.get_by_text("There is no shipment '<b>nobody</b>' in Gold.")).to_be_visible()


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"phone": True}, {"dark": True, "phone": True}])
@pytest.mark.parametrize("path", [LIST, f"{LIST}/S1", f"{LIST}/S-critical"])
def test_it_can_be_read_by_everybody(look: Look, path: str, how: dict[str, bool]) -> None:
    page = look(path, **how)
    chromium.wait_for_charts(page)
    assert chromium.breaches(page) == []
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0


def test_the_keyboard_is_enough(look: Look) -> None:
    page = look(LIST)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.closest('main') !== null")
    assert focused
    page.get_by_label("Severity", exact=True).focus()
    page.keyboard.type("Cri")
    for _ in range(10):
        page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.textContent") != "Show":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("severity=Critical"))
    assert listed(page) == ["S-critical"]


def test_who_is_not_logged_in_is_led_to_the_login_and_back(
    server: Server, browser: Browser, complaints: list[str]
) -> None:
    page = chromium.opened(browser, server.base, None, complaints=complaints)
    page.goto(f"{LIST}/S1")
    assert "S1:" not in page.content()
    page.locator("input[name=username]").fill("vera")
    page.locator("input[name=password]").fill(PASSWORDS["vera"])
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shipment S1: outside its limits")
    page.context.close()


def test_each_page_has_its_own_entry_in_airflows_navigation(look: Look) -> None:
    page = look("/plugin/shipments-at-risk")
    for place in ("shipments-at-risk", "fleet-and-routes", "pipeline-health"):
        expect(page.locator(f"a[href$='/plugin/{place}']")).to_have_count(1)


def test_it_is_in_airflows_own_navigation(look: Look, server: Server) -> None:
    page = look("/plugin/shipments-at-risk")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_have_text("3 shipments need a decision")
    frame.get_by_role("link", name="Airflow").click()
    expect(page).to_have_url(re.compile(rf"^{server.base}/$"))
