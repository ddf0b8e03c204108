"""A lakehouse in which nothing is yet: every page says so in words, none fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from smart_logistics.orchestration.config_files import LAKEHOUSE
from smart_logistics.pages.auth import PIPELINE
from tests.unit.pages import browser as chromium
from tests.unit.pages.airflow_server import Server

Look = Callable[..., Page]
WORDS = {
    "/logistics/shipments": "There are no shipments yet",
    "/logistics/shipments?severity=Critical&decision=open": "No shipment matches",
    "/logistics/fleet": "No delivery of which both dates are known",
    "/logistics/health": "Not healthy: the last run",
    f"/logistics/run?dag={PIPELINE}&run=none": "This run is not in the run log",
}
CSVS = (
    *("shipments.csv", "excursions.csv", "fleet/worst.csv", "fleet/routes.csv", "health.csv?table=runs"),
    *("health.csv?table=tables", f"run.csv?dag={PIPELINE}&run=none&table=tries"),
)


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> Iterator[None]:
    """Let the pages read an empty place, as Airflow's Variable says, and then what they did before."""
    with httpx.Client(
        base_url=server.base, headers={"Authorization": f"Bearer {server.token('admin')}"}, timeout=120
    ) as api:
        given = {"key": LAKEHOUSE, "value": str(tmp_path / "empty")}
        api.post("/api/v2/variables", json=given).raise_for_status()
        yield
        api.delete(f"/api/v2/variables/{LAKEHOUSE}").raise_for_status()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(("path", "words"), WORDS.items())
def test_each_page_says_so_in_words(look: Look, path: str, words: str, complaints: list[str]) -> None:
    page = look(path)
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)
    assert "failed" not in chromium.wait_for_charts(page)
    assert chromium.breaches(page) == []
    assert complaints == []


@pytest.mark.usefixtures("empty")
def test_a_shipment_is_not_there(look: Look) -> None:
    expect(look("/logistics/shipments/S1").get_by_text("There is no shipment 'S1' in Gold.")).to_be_visible()
    expect(look("/logistics/disposition?shipment=S1").get_by_text("has no such excursion")).to_be_visible()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("path", CSVS)
def test_each_file_has_its_heading_and_no_row(server: Server, viewer: str, path: str) -> None:
    answer = httpx.get(f"{server.base}/logistics/{path}", cookies={"_token": viewer}, timeout=120)
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 1)
