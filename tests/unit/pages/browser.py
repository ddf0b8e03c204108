"""A browser for the pages: Debian's Chromium, logged in as a person would be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WANTED = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt install chromium")
# Chromium looks for its maker's servers at every start; a closed network makes it wait for each.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SLOW = 120_000
expect.set_options(timeout=60_000)
_PHONE = {"width": 390, "height": 844}
_DESK = {"width": 1400, "height": 900}


@contextmanager
def browser() -> Iterator[Browser]:
    """Start it and end it."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        one.close()


def opened(
    one: Browser, base: str, token: str | None, *, dark: bool = False, phone: bool = False, complaints: list[str]
) -> Page:
    """Return a page of a context of its own; what its console complains of is added to ``complaints``."""
    context = one.new_context(
        base_url=base,
        viewport=_PHONE if phone else _DESK,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        timezone_id="Asia/Kolkata",
        locale="en-GB",
    )
    if token is not None:
        context.add_cookies([{"name": "_token", "value": token, "url": base}])
    page = context.new_page()
    page.set_default_timeout(_SLOW)
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def wait_for_charts(page: Page) -> list[str]:
    """Wait until each chart is drawn, or is not, and return which."""
    figures = page.locator("figure[data-spec]")
    for number in range(figures.count()):
        figures.nth(number).and_(page.locator("[data-drawn]")).wait_for()
    return [str(one.get_attribute("data-drawn")) for one in figures.all()]


def breaches(page: Page) -> list[str]:
    """Return what WCAG 2.2 A and AA are not kept, by axe-core: contrast, names, roles, structure."""
    options: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
