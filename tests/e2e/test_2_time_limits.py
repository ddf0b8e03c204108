"""What takes too long is noticed by the real Airflow: a run, a task of it, and Gold that nobody brings up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_logistics.orchestration.run_record import PIPELINE_ID, WATCH_ID
from tests.e2e.held import held
from tests.e2e.mailbox import Mailbox, text
from tests.e2e.manual import trigger, wait_for_end
from tests.e2e.monitors import api
from tests.e2e.stack import Row, Stack

pytestmark = pytest.mark.long

SHORT = {"RUN_WARNING_MINUTES": "1", "RUN_DEADLINE_MINUTES": "2", "GOLD_FRESHNESS_MINUTES": "1"}


@pytest.fixture(scope="module", autouse=True)
def limits(lived_in: Stack, stack: Stack) -> Iterator[None]:
    """Give everything a minute or two."""
    stack.settings.update(SHORT)
    stack.must("up")
    stack.run()
    yield
    for name in SHORT:
        del stack.settings[name]
    stack.must("up")


def missed(stack: Stack, run_id: str) -> dict[str, Row]:
    return {row["deadline"]: row for row in stack.rows("ops.missed_deadlines") if row["run_id"] == run_id}


def test_a_run_by_hand_that_takes_too_long_is_told_and_recorded(stack: Stack, mailbox: Mailbox, tmp_path: Path) -> None:
    told = len(mailbox.mails)
    with (
        held(stack, tmp_path / "held", "data_quality_check", "data_quality_check.measured=wait-180"),
        api(stack) as airflow,
    ):
        run_id = airflow.trigger(PIPELINE_ID)
        assert wait_for_end(stack, PIPELINE_ID, run_id) == "success"
    subjects = mailbox.subjects()[told:]
    (breach,) = [one for one in mailbox.mails[told:] if "run takes too long" in " ".join(str(one["Subject"]).split())]
    assert sum("run is slow" in one for one in subjects) == 1
    assert sum("run takes too long" in one for one in subjects) == 1
    assert run_id in text(breach)
    assert "has been running for" in text(breach)
    found = missed(stack, run_id)
    assert {name: found[name]["severity"] for name in ("run is slow", "run takes too long")} == {
        "run is slow": "warn",
        "run takes too long": "error",
    }
    assert found["run takes too long"]["limit_minutes"] == 2


def test_gold_that_is_stale_is_told_once_although_the_pipeline_is_paused(stack: Stack, mailbox: Mailbox) -> None:
    told = len(mailbox.mails)
    with api(stack) as airflow:
        airflow.request("PATCH", f"/dags/{PIPELINE_ID}", json={"is_paused": True})
        try:
            mail = None
            while mail is None:  # a minute after the last good run
                assert trigger(stack, WATCH_ID) == "success"
                found = [one for one in mailbox.mails[told:] if "Gold is stale" in str(one["Subject"])]
                mail = found[0] if found else None
            for _ in range(2):
                assert trigger(stack, WATCH_ID) == "success"
        finally:
            airflow.unpause(PIPELINE_ID)
    assert sum("Gold is stale" in one for one in mailbox.subjects()[told:]) == 1
    assert "; the DAG is paused" in text(mail)
    (row,) = [
        row
        for row in stack.rows("ops.missed_deadlines")
        if row["deadline"] == "Gold is stale" and row["run_id"] in text(mail)
    ]
    assert (row["severity"], row["limit_minutes"]) == ("error", 1)
