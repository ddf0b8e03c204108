"""Fleet and routes in a real browser: read by everybody, with the keyboard, and every link leads where it says."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.unit.pages import browser as chromium
from tests.unit.pages.fleet import HOSTILE
from tests.unit.views.lake import FIRST
from tests.unit.views.test_fleet import DAY

Look = Callable[..., Page]
FLEET = "/logistics/fleet"


def test_the_answer_is_at_the_top_and_everything_is_there(look: Look, complaints: list[str]) -> None:
    page = look(FLEET)
    expect(page.get_by_role("heading", level=1)).to_have_text("99 % of 1,000 deliveries were on time")
    assert chromium.wait_for_charts(page) == ["true"] * 3
    # A low chart has a low box.
    assert max(page.locator(".drawing").evaluate_all("them => them.map(one => one.clientHeight)")) < 220
    expect(page.locator("#worst tbody tr").first).to_contain_text(HOSTILE.upper())
    expect(page.locator("#routes tbody")).to_contain_text(HOSTILE)
    expect(page.locator("#days tbody")).to_contain_text("1 h 30 min")
    expect(page.get_by_role("link", name="Fleet and routes")).to_have_attribute("aria-current", "page")
    # Days are UTC and named so; the moment at which the page was made is told by both clocks.
    expect(page.locator("#days thead")).to_contain_text("Day (UTC)")
    expect(page.locator("footer")).to_contain_text("UTC; local times are Asia/Calcutta")
    assert page.evaluate("window.hurt") is None
    assert complaints == []


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"phone": True}, {"dark": True, "phone": True}])
def test_it_can_be_read_by_everybody(look: Look, how: dict[str, bool]) -> None:
    page = look(FLEET, **how)
    chromium.wait_for_charts(page)
    assert chromium.breaches(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_keyboard_is_enough_to_choose(look: Look) -> None:
    page = look(FLEET)
    page.get_by_label("Truck", exact=True).focus()
    page.keyboard.type(FIRST.lower())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Show"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"truck={FIRST.lower()}"))
    expect(page.locator("#worst tbody tr")).to_have_count(1)
    page.locator("#worst tbody a").press("Enter")
    expect(page).to_have_url(re.compile(rf"/logistics/shipments\?truck={FIRST}$"))


def test_days_choose_what_is_summed(look: Look) -> None:
    page = look(FLEET)
    page.get_by_label("From (UTC day)").fill((DAY + timedelta(days=1)).isoformat())
    page.get_by_label("From (UTC day)").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("No delivery of which both dates are known")
    expect(page.locator(".verdict .lead")).to_contain_text("1 truck had 1 excursion of 20 min in all")
    # The address says it all: sent to somebody else it shows the same.
    expect(look(page.url).locator(".verdict .lead")).to_contain_text("1 truck had 1 excursion of 20 min in all")


def test_a_route_leads_to_its_shipments(look: Look) -> None:
    page = look(FLEET)
    page.locator("#routes").get_by_role("link", name="Pune", exact=True).click()
    expect(page.get_by_label("From", exact=True)).to_have_value("Mumbai")
    expect(page.get_by_label("To", exact=True)).to_have_value("Pune")


@pytest.mark.parametrize(("table", "rows"), [("worst", 2), ("routes", 2), ("days", 28)])
def test_each_table_is_a_file_to_keep(look: Look, table: str, rows: int) -> None:
    page = look(FLEET)
    with page.expect_download() as saved:
        page.locator(f"#{table} .export a").click()
    assert saved.value.suggested_filename == f"{table}.csv"
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert len(list(csv.reader(text.splitlines()))) - 1 == rows
