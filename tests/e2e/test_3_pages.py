"""The pages after a run that failed, which the story before has left; alone it ends one as failed.

And the pages for people with logins of their own: one who may look, and one who may decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import Visitor, api, logged_in, visiting
from tests.e2e.stack import Row, Stack
from tests.unit.pages import browser as chromium

DAG = "smart_logistics_pipeline"
_FAILED = f"SELECT * FROM ops.pipeline_runs WHERE state = 'failed' AND dag_id = '{DAG}' ORDER BY ended_at DESC"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(chromium.CHROMIUM is None, reason="chromium is not installed: apt install chromium"),
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


@pytest.fixture(scope="module")
def excursion(stack: Stack, failed: Row) -> Row:
    """The excursion with the least deviation."""
    least = "SELECT * FROM gold.temperature_excursions ORDER BY peak_deviation, shipment_id, excursion_no LIMIT 1"
    return stack.query(least)[0]


def decisions(stack: Stack) -> list[Row]:
    return stack.query("SELECT * FROM gold.excursion_dispositions ORDER BY entry_no")


def test_a_viewer_reads_every_page_and_decides_nothing(stack: Stack, failed: Row, excursion: Row) -> None:
    shipment, before = quote(excursion["shipment_id"]), decisions(stack)
    form = f"/logistics/disposition?shipment={shipment}&excursion={excursion['excursion_no']}"
    paths = [
        *("/logistics/shipments", f"/logistics/shipments/{shipment}", f"/logistics/report?shipment={shipment}"),
        *("/logistics/fleet", "/logistics/health", "/logistics/guide"),
        *(f"/logistics/run?dag={DAG}&run={quote(failed['run_id'])}", form),
    ]
    with logged_in(stack, "/logistics/shipments", "vera") as page:
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            expect(page.get_by_role("heading", level=1).first).to_be_visible()
        expect(page.get_by_text("You may look, but not decide")).to_be_visible()
        expect(page.locator("form[method=post]")).to_have_count(0)
        sent = {
            "shipment": excursion["shipment_id"],
            "excursion": str(excursion["excursion_no"]),
            "decision": "release",
            "reason": "not hers to give",
            "key": "of-the-viewer",
            "seen": "0" * 32,
        }
        refused = page.request.post(
            "/logistics/disposition", form=sent, headers={"Sec-Fetch-Site": "same-origin"}, max_redirects=0
        )
        assert refused.status == 403
        assert "you may look, but not decide" in refused.text()
    assert decisions(stack) == before


def test_who_may_edit_the_pipeline_decides_under_their_own_login(stack: Stack, excursion: Row) -> None:
    before = decisions(stack)
    where = f"?shipment={quote(excursion['shipment_id'])}&excursion={excursion['excursion_no']}"
    with logged_in(stack, f"/logistics/disposition{where}", "asha") as page:
        page.get_by_label("release").check()
        page.get_by_label("Reason").fill("Within what the stability data allow")
        page.get_by_role("button", name="Write it down").click()
        expect(page.get_by_text("Within what the stability data allow")).to_be_visible()
    *earlier, entry = decisions(stack)
    assert earlier == before
    assert (entry["author"], entry["via"], entry["decision"]) == ("asha", "airflow", "release")
