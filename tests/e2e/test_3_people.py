"""The pages for people with logins of their own: one who may look, and one who may decide.

A file of its own: each login opens a browser, and beside one that a module keeps open there can be no second.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import logged_in
from tests.e2e.stack import Row, Stack
from tests.unit.pages import browser as chromium

DAG = "smart_logistics_pipeline"

pytestmark = [
    pytest.mark.long,
    chromium.WANTED,
]


@pytest.fixture(scope="module")
def excursion(lived_in: Stack, stack: Stack) -> Row:
    """The excursion with the least deviation."""
    stack.must("up")
    least = "SELECT * FROM gold.temperature_excursions ORDER BY peak_deviation, shipment_id, excursion_no LIMIT 1"
    return stack.query(least)[0]


def decisions(stack: Stack) -> list[Row]:
    return stack.query("SELECT * FROM gold.excursion_dispositions ORDER BY entry_no")


def test_a_viewer_reads_every_page_and_decides_nothing(stack: Stack, excursion: Row) -> None:
    (run,) = stack.query(f"SELECT run_id FROM ops.pipeline_runs WHERE dag_id = '{DAG}' ORDER BY ended_at DESC LIMIT 1")
    shipment, before = quote(excursion["shipment_id"]), decisions(stack)
    form = f"/logistics/disposition?shipment={shipment}&excursion={excursion['excursion_no']}"
    paths = [
        *("/logistics/shipments", f"/logistics/shipments/{shipment}", f"/logistics/report?shipment={shipment}"),
        *("/logistics/fleet", "/logistics/health", "/logistics/guide"),
        *(f"/logistics/run?dag={DAG}&run={quote(run['run_id'])}", form),
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
