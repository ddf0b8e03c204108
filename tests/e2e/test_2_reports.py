"""A quality manager decides about an excursion in the browser, and hands over a report that can be made again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import logged_in, picture
from tests.e2e.stack import Row, Stack
from tests.unit.pages import browser as chromium

pytestmark = pytest.mark.long

REASON = "Door open at the dock, 40 min; <b>stability data</b> asked for"


@pytest.fixture(scope="module")
def worst(lived_in: Stack) -> Row:
    """The excursion with the greatest deviation."""
    return lived_in.query(
        "SELECT * FROM gold.temperature_excursions ORDER BY peak_deviation DESC, shipment_id LIMIT 1"
    )[0]


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """A browser that is logged in."""
    if chromium.CHROMIUM is None:
        pytest.skip("chromium is not installed: apt install chromium")
    stack.must("up")
    with logged_in(stack, "/", viewport={"width": 1200, "height": 1000}) as opened:
        yield opened


def test_the_report_is_the_same_from_the_line_at_its_end(stack: Stack, worst: Row, tmp_path: Path) -> None:
    for format_ in ("html", "pdf"):
        first, again = tmp_path / f"first.{format_}", tmp_path / f"again.{format_}"
        told = stack.must("report", worst["shipment_id"], "--format", format_, "--out", str(first))
        assert "checksum of the content" in told
        page = stack.must("report", worst["shipment_id"], "--out", "-")
        at = page.split(" --at ")[1].split("<")[0]
        stack.must("report", worst["shipment_id"], "--format", format_, "--at", at, "--out", str(again))
        assert first.read_bytes() == again.read_bytes()


def test_the_paper_says_what_the_page_says(stack: Stack, worst: Row, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: apt install poppler-utils")
    paper = tmp_path / "record.pdf"
    stack.must("report", worst["shipment_id"], "--format", "pdf", "--out", str(paper))
    text = subprocess.run(["pdftotext", paper, "-"], capture_output=True, text=True, check=True).stdout
    assert f"Temperature record of shipment {worst['shipment_id']}" in text
    assert "supports" in text
    assert "°C" in text


def test_a_decision_is_made_in_the_browser_and_the_chain_holds(stack: Stack, page: Page, worst: Row) -> None:
    page.goto(f"/logistics/disposition?shipment={worst['shipment_id']}&excursion={worst['excursion_no']}")
    page.get_by_label("quarantine").check()
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text(REASON)).to_be_visible()
    entries = stack.query("SELECT * FROM gold.excursion_dispositions ORDER BY entry_no")
    assert (entries[-1]["decision"], entries[-1]["via"], entries[-1]["reason"]) == ("quarantine", "airflow", REASON)
    assert entries[-1]["peak_temperature"] == worst["peak_temperature"]
    assert f"{len(entries)}:{entries[-1]['entry_hash']}" in stack.must("verify")
    page.reload()
    assert stack.query("SELECT count(*) AS n FROM gold.excursion_dispositions")[0]["n"] == len(entries)


def test_the_list_and_the_shipment_show_the_decision(page: Page, worst: Row) -> None:
    page.goto(f"/logistics/disposition?shipment={worst['shipment_id']}&excursion={worst['excursion_no']}")
    picture(page, "decisions")
    page.goto(f"/logistics/shipments/{quote(worst['shipment_id'])}")
    expect(page.locator("#excursions tbody tr").nth(worst["excursion_no"] - 1)).to_contain_text("quarantine")
    waits = page.locator("#excursions tbody").get_by_text("open", exact=True).count()
    page.goto(f"/logistics/shipments?decision=decided&text={quote(worst['shipment_id'])}")
    expect(page.locator("#shipments tbody tr")).to_have_count(0 if waits else 1)


def test_the_report_opens_from_the_page(page: Page, worst: Row) -> None:
    page.goto(f"/logistics/disposition?shipment={worst['shipment_id']}")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Report", exact=True).click()
    report = opened.value
    expect(report.get_by_role("heading", name=f"Temperature record of shipment {worst['shipment_id']}")).to_be_visible()
    expect(report.locator("figure img")).to_be_visible()
    expect(report.get_by_text(REASON).first).to_be_visible()
    picture(report, "report")
    report.close()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Report as PDF").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")


def test_a_decision_from_the_command_line_continues_the_chain(stack: Stack, worst: Row) -> None:
    which = (worst["shipment_id"], str(worst["excursion_no"]))
    words = ("disposition", "add", *which, "--decision", "reject", "--reason", "thawed", "--key", "e2e")
    before = len(stack.query("SELECT entry_no FROM gold.excursion_dispositions"))
    stack.must(*words)
    stack.must(*words)
    assert len(stack.query("SELECT entry_no FROM gold.excursion_dispositions")) == before + 1
    head = stack.must("verify").rsplit(" ", 1)[1].strip()
    stack.must("maintain", "--table", "gold.excursion_dispositions")
    stack.must("verify", "--expect", head)
