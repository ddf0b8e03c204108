"""The pages inside Airflow's own, in a frame that may neither open a window nor change Airflow's address."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from smart_logistics.pages.plugin import LogisticsPlugin
from tests.unit.pages.airflow_server import Server

Look = Callable[..., Page]
LIST = next(view for view in LogisticsPlugin.external_views if view["name"] == "Shipments at risk")
FRAMED = f"/plugin/{LIST['url_route']}"


def test_a_report_opens_and_a_table_is_saved(look: Look, complaints: list[str]) -> None:
    page = look(FRAMED)
    frame = page.frame_locator("iframe")
    # The reason for all this: if Airflow ever lets it open windows itself, nothing here is needed.
    expect(page.locator("iframe")).not_to_have_attribute("sandbox", re.compile("popups"))
    frame.locator("#shipments").get_by_role("link", name="S1", exact=True).click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Shipment S1: outside its limits")
    with page.expect_popup() as opened:
        frame.get_by_role("link", name="Report", exact=True).click()
    expect(opened.value).to_have_url(re.compile(r"/logistics/report\?shipment=S1&format=html$"))
    expect(opened.value.locator("body")).to_contain_text("S1")
    with page.expect_download() as saved:
        frame.locator("#excursions .export a").click()
    rows = list(csv.DictReader(Path(saved.value.path()).read_text(encoding="utf-8").splitlines()))
    assert [row["severity"] for row in rows] == ["Major"]
    # What was opened has not taken the frame's place.
    expect(frame.get_by_role("heading", level=1)).to_have_text("Shipment S1: outside its limits")
    assert [said for said in complaints if "Blocked" in said] == []


def test_a_report_opens_from_the_decisions_too(look: Look) -> None:
    page = look(FRAMED)
    frame = page.frame_locator("iframe")
    frame.locator("#shipments").get_by_role("link", name="open", exact=True).first.click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("Decisions about shipment")
    with page.expect_popup() as opened:
        frame.get_by_role("link", name="Report", exact=True).click()
    expect(opened.value).to_have_url(re.compile(r"/logistics/report\?"))


def test_what_is_chosen_can_be_opened_alone_and_sent_on(look: Look, server: Server) -> None:
    page = look(FRAMED)
    frame = page.frame_locator("iframe")
    frame.get_by_label("Severity", exact=True).select_option(label="Critical")
    frame.get_by_role("button", name="Show").click()
    expect(frame.get_by_text("(show all)")).to_be_visible()
    with page.expect_popup() as opened:
        frame.get_by_role("link", name="Open alone").click()
    alone = opened.value
    expect(alone).to_have_url(re.compile(rf"^{server.base}/logistics/shipments\?severity=Critical&"))
    expect(alone.locator("#shipments tbody tr")).to_have_count(1)
    expect(alone.get_by_role("link", name="Open alone")).to_have_count(0)


def test_decisions_are_opened_alone_with_their_shipment(look: Look) -> None:
    page = look("/logistics/disposition?shipment=S1&excursion=1")
    link = page.locator("a[data-alone]")
    expect(link).to_be_hidden()
    expect(link).to_have_attribute("href", "/logistics/disposition?shipment=S1&excursion=1")


def test_who_switches_airflow_to_dark_sees_the_page_follow(look: Look) -> None:
    page = look(FRAMED)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    root = frame.locator(":root")
    switched = "dark => document.documentElement.className = dark ? 'dark' : 'light'"
    for name, dark in (("dark", True), ("light", False)):
        page.evaluate(switched, dark)
        expect(root).to_have_attribute("data-theme", name)
