"""What a person sees in Airflow: the DAG with its documentation, nine green tasks in the grid, their graph."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lake import NINE
from tests.e2e.pages import logged_in
from tests.e2e.stack import Stack
from tests.unit.pages import browser as chromium

DAG = "smart_logistics_pipeline"

pytestmark = chromium.WANTED


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """A browser that is logged in."""
    stack.must("up")
    with logged_in(stack, "/", viewport={"width": 1600, "height": 1000}) as opened:
        yield opened


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
