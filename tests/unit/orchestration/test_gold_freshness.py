"""From when Gold counts as stale, and that a dry run makes nothing fresher or quicker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smart_logistics import settings
from smart_logistics.ops import run_log
from smart_logistics.ops.deadlines import last_success, usual_seconds
from smart_logistics.ops.run_log import Run, TaskTry
from smart_logistics.orchestration import access, deadlines
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.orchestration.mail import Message
from tests.unit.orchestration.test_deadlines import recorded

NOW = datetime.now(UTC)


@pytest.fixture
def lakehouse(lakehouse: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(access, "api", lambda: AirflowApi(Credentials("http://127.0.0.1:1", "u", "p")))
    return lakehouse


def run(run_id: str, state: str, hours_ago: float, seconds: float = 60) -> Run:
    end = NOW - timedelta(hours=hours_ago)
    start = end - timedelta(seconds=seconds)
    return Run(run_id, "d", state, "scheduled", None, start, end, [TaskTry("silver_iot", 1, state, start, end)])


def test_gold_that_was_never_made_is_stale_from_the_first_run_on(sent: list[Message], lakehouse: str) -> None:
    given = settings.load({})
    run_log.record(lakehouse, [replace(run("plan", "success", 9), run_type="dry_run"), run("a", "failed", 1.9)])
    deadlines.look_at_gold("d", given)
    assert not sent
    run_log.record(lakehouse, [run("b", "failed", 3), run("c", "failed", 1)])
    for _ in range(2):
        deadlines.look_at_gold("d", given)
    (mail,) = sent
    assert "no run has succeeded yet" in dict(mail.facts)["Why"]
    assert "the start of the first run; none has succeeded yet" in dict(mail.facts)["Since"]
    assert len(recorded(lakehouse)) == 1


def test_a_dry_run_makes_gold_no_fresher_and_no_task_quicker(sent: list[Message], lakehouse: str) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(6)])
    plans = [replace(run(f"plan{n}", "success", 1 - n / 10, 1), run_type="dry_run") for n in range(9)]
    run_log.record(lakehouse, [*plans, replace(run("slow plan", "success", 0, 900), run_type="dry_run")])
    deadlines.look_at_tasks("d", ["slow plan"])
    assert recorded(lakehouse) == []
    assert usual_seconds(lakehouse, ["silver_iot"]) == {"silver_iot": 60}
    assert last_success(lakehouse, "d") == NOW - timedelta(hours=15)
    deadlines.look_at_gold("d", settings.load({}))
    assert len(sent) == 1
