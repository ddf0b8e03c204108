"""Pipeline health in a real browser: what is open, why, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from smart_logistics.errors import FAMILY, LogisticsError
from smart_logistics.pages import guide
from smart_logistics.pages.auth import PIPELINE
from tests.unit.pages import browser as chromium
from tests.unit.pages.fleet import FAILED_RUN, HOSTILE, HOSTILE_FILE

Look = Callable[..., Page]
HEALTH = "/logistics/health"
RUN = f"/logistics/run?dag={PIPELINE}&run={quote(FAILED_RUN)}"


def test_what_is_open_is_at_the_top_with_what_to_do(look: Look, complaints: list[str]) -> None:
    page = look(HEALTH)
    chromium.wait_for_charts(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Not healthy: the last run of {PIPELINE} failed")
    opened = page.locator("ul.alerts li")
    expect(opened.filter(has_text=f"driver <b>lost</b> in {HOSTILE_FILE}")).to_have_count(1)
    expect(opened.filter(has_text="check unique_key of gold.shipment_analytics: fail")).to_have_count(1)
    expect(opened.filter(has_text="slow run")).to_have_count(1)
    assert page.evaluate("window.hurt") is None
    # The test's own server has no scheduler beside it: that is said, too.
    expect(opened.filter(has_text="scheduler is not running")).to_have_count(1)
    opened.filter(has_text="driver").get_by_role("link", name="what to do").click()
    expect(page.get_by_role("heading", name="A quality gate that failed")).to_be_in_viewport()
    assert complaints == []


def test_how_it_has_been_stands_below(look: Look) -> None:
    page = look(HEALTH)
    assert chromium.wait_for_charts(page) == ["true"]
    for table, text in {
        "runs": "1,234",
        "rejections": "DUPLICATE_DETECTED",
        "checks": HOSTILE,
        "gates": FAILED_RUN,
        "files": HOSTILE_FILE,
        "deadlines": "took 40 min",
        "tables": "gold.shipment_analytics",
    }.items():
        expect(page.locator(f"#{table} tbody")).to_contain_text(text)
    facts = page.locator("dl.facts div")
    expect(facts.filter(has_text="Files waiting")).to_contain_text("1")
    for label in ("Last good run", "Newest reading", "Last file taken"):
        expect(facts.filter(has_text=label).locator(".ago")).to_have_text(re.compile(r"^\d.* ago$|^just now$"))


def test_a_failed_run_says_where_and_why(look: Look) -> None:
    page = look(HEALTH)
    page.locator("#runs").get_by_role("link", name=FAILED_RUN).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This run failed in silver_iot")
    expect(page.locator("#tries tbody")).to_contain_text(f"driver <b>lost</b> in {HOSTILE_FILE}")
    expect(page.locator("#checks tbody")).to_contain_text("unique_key")
    expect(page.locator("#files tbody")).to_contain_text(HOSTILE_FILE)


def test_a_run_that_is_not_known_is_said_in_words(look: Look) -> None:
    page = look(f"/logistics/run?dag={PIPELINE}&run=none")
    expect(page.get_by_role("heading", level=1)).to_contain_text("This run is not in the run log")
    expect(look("/logistics/run?dag=x&run=none").get_by_text("'x' is none of")).to_be_visible()


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"phone": True}])
@pytest.mark.parametrize("path", [HEALTH, RUN, "/logistics/guide"])
def test_it_can_be_read_by_everybody(look: Look, path: str, how: dict[str, bool]) -> None:
    page = look(path, **how)
    chromium.wait_for_charts(page)
    assert chromium.breaches(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_every_error_leads_to_an_entry_of_the_guide(look: Look) -> None:
    page = look("/logistics/guide")
    errors: tuple[type[LogisticsError], ...] = (LogisticsError, *FAMILY)
    for error in errors:
        assert page.locator(f"[id='{error.guide}']").count() == 1, error
    assert page.locator("[id='a-run-that-takes-too-long'], [id='a-service-that-does-not-start']").count() == 2


def test_anchors_are_those_of_the_alerts() -> None:
    assert guide.slug("A driver that was killed (137)") == "a-driver-that-was-killed-137"
    assert re.fullmatch("[a-z-]+", guide.slug(LogisticsError.guide))
