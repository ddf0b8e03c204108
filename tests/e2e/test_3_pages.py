"""The pages after a run that failed, which the story before has left; alone it ends one as failed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import Visitor, api, visiting
from tests.e2e.stack import Row, Stack
from tests.unit.pages import browser as chromium

DAG = "smart_logistics_pipeline"
_FAILED = f"SELECT * FROM ops.pipeline_runs WHERE state = 'failed' AND dag_id = '{DAG}' ORDER BY ended_at DESC"

pytestmark = [
    pytest.mark.long,
    chromium.WANTED,
]


@pytest.fixture(scope="module")
def failed(lived_in: Stack, stack: Stack) -> Row:
    """A run that failed, as the run log has it."""
    stack.must("up")
    if not stack.query(_FAILED):
        with api(stack) as airflow:
            run_id = airflow.trigger(DAG)
            path = f"/dags/{DAG}/dagRuns/{quote(run_id, safe='')}"
            airflow.request("PATCH", path, json={"state": "failed"})
        stack.must("up")
    return stack.query(_FAILED)[0]


@pytest.fixture(scope="module")
def visitor(stack: Stack, failed: Row) -> Iterator[Visitor]:
    """A browser that is logged in."""
    with visiting(stack) as one:
        yield one


def test_the_run_says_that_it_failed(visitor: Visitor, failed: Row) -> None:
    page = visitor.open(f"/logistics/run?dag={DAG}&run={quote(failed['run_id'])}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("This run failed")
    visitor.picture("run-failed")
    assert visitor.complaints == []


def test_it_is_among_the_last_runs_and_leads_there(visitor: Visitor, failed: Row) -> None:
    page = visitor.open("/logistics/health")
    row = page.locator("#runs tbody tr").filter(has_text=failed["run_id"])
    expect(row).to_contain_text("failed")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("This run failed")
