"""One server and one browser for all tests of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from smart_logistics.orchestration import incidents
from smart_logistics.pages.auth import PIPELINE
from tests.unit.pages import browser as chromium
from tests.unit.pages import fleet
from tests.unit.pages.airflow_server import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Airflow's API server over a small lakehouse."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "home" / "landing").mkdir(parents=True)
    (folder / "home" / "landing" / "iot_telemetry_20261128_170000_gw.json").write_text("")
    fleet.fill(str(folder / "home" / "lakehouse"))
    fleet.run_log(str(folder / "home" / "lakehouse"), datetime.now(UTC))
    cause, guide = f"driver <b>lost</b> in {fleet.HOSTILE_FILE}", "docs/troubleshooting.md#a-quality-gate-that-failed"
    incidents.failed(folder / "home" / "alerts", PIPELINE, fleet.FAILED_RUN, datetime.now(UTC), cause, guide)
    with serving(folder) as one:
        yield one


@pytest.fixture(scope="session")
def viewer(server: Server) -> str:
    """The token of one who may look and no more."""
    return server.token("vera")


# Not longer than for this package: while it is open its event loop runs, and nobody else's can.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; without one the test is skipped."""
    if chromium.CHROMIUM is None:
        pytest.skip("chromium is not installed: apt install chromium")
    with chromium.browser() as one:
        yield one


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console complained of."""
    return []


@pytest.fixture
def look(server: Server, viewer: str, browser: Browser, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens a page of ours as a viewer: its address below the server, in light or dark, at a desk or on a phone."""
    pages = []

    def opened(path: str, **how: bool) -> Page:
        page = chromium.opened(browser, server.base, viewer, complaints=complaints, **how)
        pages.append(page)
        page.goto(path)
        return page

    yield opened
    for page in pages:
        page.context.close()
