"""The pages of the real stack as a person sees them: logged in by Airflow's own form, one browser for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page

from smart_logistics import settings
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.stack.connections import airflow_api
from tests.e2e.stack import Stack
from tests.unit.pages import browser as chromium

# Where pictures for docs/ go; without it none is taken.
PICTURES = os.environ.get("PAGES_SCREENSHOTS", "")
_HIGHEST = 1600


@dataclass
class Visitor:
    """Who looks, and what the browser's console complained of meanwhile."""

    browser: Browser
    base: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to an address below the server and wait for its charts."""
        self.page.goto(path)
        chromium.wait_for_charts(self.page)
        return self.page

    def picture(self, name: str) -> None:
        """Take a picture of the page for docs/, where one is wanted."""
        picture(self.page, name)


def picture(page: Page, name: str) -> None:
    """Take a picture of a page for docs/, where one is wanted."""
    if PICTURES:
        folder = Path(PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        # What is further down is more of the same rows.
        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(height, _HIGHEST)}
        page.screenshot(path=folder / f"{name}.png", full_page=True, clip=clip)


def api(stack: Stack) -> AirflowApi:
    """Return Airflow's API as its administrator."""
    return AirflowApi(Credentials(*airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))))


@contextmanager
def logged_in(stack: Stack, path: str, person: str | None = None, **how: Any) -> Iterator[Page]:
    """Open a browser on a page of Airflow's, ``how`` as Playwright has it, and log in there.

    As a person of ``LOGISTICS_AIRFLOW_USERS`` with the password that the home keeps, else as the administrator.
    """
    base, user, password = airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    if person is not None:
        user, password = person, (stack.home / "secrets" / f"airflow-user-{person}").read_text().strip()
    with chromium.browser() as browser:
        page = browser.new_page(base_url=base, **how)
        page.set_default_timeout(60_000)
        page.goto(path)
        fill_in(page, user, password)
        page.wait_for_load_state("networkidle")
        yield page


def fill_in(page: Page, user: str, password: str) -> None:
    """Fill in Airflow's form and send it."""
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()


@contextmanager
def visiting(stack: Stack) -> Iterator[Visitor]:
    """Open a browser and log in."""
    base, user, password = airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with chromium.browser() as browser:
        complaints: list[str] = []
        page = chromium.opened(browser, base, None, complaints=complaints)
        page.goto("/logistics/shipments")
        fill_in(page, user, password)
        page.get_by_role("heading", level=1).wait_for()
        chromium.wait_for_charts(page)
        complaints.clear()
        yield Visitor(browser, base, page, complaints)


@contextmanager
def another_lakehouse(stack: Stack, place: str) -> Iterator[None]:
    """Let the pages read another lakehouse for a while, as the Variable says; no run must start meanwhile."""
    name = "logistics_lakehouse"
    with api(stack) as airflow:
        before = airflow.request("GET", f"/variables/{name}")["value"]
        airflow.request("PATCH", f"/variables/{name}", json={"key": name, "value": place})
        try:
            yield
        finally:
            airflow.request("PATCH", f"/variables/{name}", json={"key": name, "value": before})
