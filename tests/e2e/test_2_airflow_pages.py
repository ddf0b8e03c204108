"""What a person sees in Airflow: the DAG with its documentation, nine green tasks in the grid, their graph."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from smart_logistics import settings
from smart_logistics.stack.connections import airflow_api
from tests.e2e.lake import NINE
from tests.e2e.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DAG = "smart_logistics_pipeline"
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

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt install chromium")


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """A browser that is logged in."""
    stack.must("up")
    base, user, password = airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(base_url=base, viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(60_000)
        opened.goto("/")
        opened.locator("input[name=username]").fill(user)
        opened.locator("input[name=password]").fill(password)
        opened.locator("button[type=submit]").click()
        opened.wait_for_load_state("networkidle")
        yield opened
        browser.close()


def test_the_dag_shows_its_documentation(page: Page) -> None:
    page.goto(f"/dags/{DAG}")
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_text("safe to re-run", exact=False).first).to_be_visible()


def test_the_graph_shows_the_nine_tasks(page: Page) -> None:
    page.goto(f"/dags/{DAG}")
    for task in NINE:
        expect(page.get_by_text(task, exact=True).first).to_be_visible()


def test_the_grid_shows_the_last_full_run_green(page: Page, stack: Stack) -> None:
    of_ours = f"SELECT run_id FROM ops.pipeline_runs WHERE state = 'success' AND dag_id = '{DAG}'"
    runs = stack.query(f"{of_ours} ORDER BY started_at LIMIT 1")
    page.goto(f"/dags/{DAG}/runs/{runs[0]['run_id']}")
    for task in NINE:
        expect(page.get_by_role("link", name=task).first).to_be_visible()
    expect(page.get_by_text("Success", exact=True).nth(len(NINE) - 1)).to_be_visible()
