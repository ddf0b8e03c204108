"""A missed deadline is recorded and told once, for runs whose time means something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_logistics import settings
from smart_logistics.contracts.ops import MISSED_DEADLINES
from smart_logistics.lake import tables
from smart_logistics.ops import run_log
from smart_logistics.ops.deadlines import BREACH, WARNING, slow_tasks, usual_limit
from smart_logistics.ops.run_log import Run, TaskTry
from smart_logistics.orchestration import alerts, connections, deadlines
from smart_logistics.orchestration.mail import Message

NOW = datetime.now(UTC)


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    monkeypatch.setattr(connections, "lakehouse", lambda: str(tmp_path / "lakehouse"))
    return str(tmp_path / "lakehouse")


@pytest.fixture
def sent(lakehouse: str, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: object())
    monkeypatch.setattr(alerts, "send", lambda message, *_: box.append(message))
    return box


def queued(minutes: int, state: str = "running", run_type: str = "manual") -> dict[str, Any]:
    run = {"dag_id": "d", "dag_run_id": "r", "state": state, "run_type": run_type}
    return {"dag_run": run | {"queued_at": (NOW - timedelta(minutes=minutes)).isoformat()}}


def recorded(lakehouse: str) -> list[dict[str, Any]]:
    table = tables.open_table(lakehouse, MISSED_DEADLINES)
    return [] if table is None else table.to_pyarrow_table().to_pylist()


def run(run_id: str, state: str, hours_ago: float, seconds: float = 60) -> Run:
    end = NOW - timedelta(hours=hours_ago)
    tries = [TaskTry("silver_iot", 1, state, end - timedelta(seconds=seconds), end)]
    return Run(run_id, "d", state, "scheduled", None, end - timedelta(seconds=seconds), end, tries)


@pytest.mark.parametrize(
    ("state", "run_type", "told"),
    [
        ("running", "manual", 1),
        ("queued", "scheduled", 1),
        ("failed", "manual", 0),
        ("success", "manual", 0),
        ("running", "backfill", 0),
    ],
)
def test_it_is_told_and_recorded_for_a_run_that_still_runs(
    sent: list[Message], lakehouse: str, state: str, run_type: str, told: int
) -> None:
    for _ in range(2):
        deadlines.on_missed(queued(46, state, run_type), "run takes too long", 45, BREACH)
    assert len(sent) == told
    assert [(row["run_id"], row["deadline"], row["severity"]) for row in recorded(lakehouse)] == [
        ("r", "run takes too long", "error")
    ] * told


def test_two_warnings_of_a_run_are_one_mail_and_its_breach_another(sent: list[Message], lakehouse: str) -> None:
    deadlines.on_missed(queued(31), "run is slow", 30, WARNING)
    deadlines.on_missed(queued(32), "run takes unusually long", 15, WARNING)
    deadlines.on_missed(queued(46), "run takes too long", 45, BREACH)
    assert [message.line() for message in sent] == [
        "[smart-logistics] d: run is slow",
        "[smart-logistics] d: run takes too long",
    ]
    assert len(recorded(lakehouse)) == 3


def test_stale_gold_is_told_once_for_each_spell(sent: list[Message], lakehouse: str) -> None:
    given = settings.load({})
    deadlines.look_at_gold("d", given)
    assert not sent, "nothing ever succeeded: there is no Gold to be stale"
    run_log.record(lakehouse, [run("a", "success", 3), run("b", "failed", 1)])
    for _ in range(2):
        deadlines.look_at_gold("d", given)
    assert [message.line() for message in sent] == ["[smart-logistics] d: Gold is stale"]
    run_log.record(lakehouse, [run("c", "success", 0.5)])
    deadlines.look_at_gold("d", given)
    assert len(sent) == 1


def test_a_table_that_cannot_be_written_costs_no_mail(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "lakehouse", lambda: "/proc/no lakehouse")
    deadlines.on_missed(queued(46), "run takes too long", 45, BREACH)
    assert len(sent) == 1
    assert "not recorded" in caplog.text


def test_a_task_that_took_much_longer_than_usual_is_found(lakehouse: str) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60 + n) for n in range(8)])
    run_log.record(lakehouse, [run("slow", "success", 1, 400), run("usual", "success", 0.5, 100)])
    (found,) = slow_tasks(lakehouse, "d", "slow")
    assert "silver_iot" in found.deadline
    assert found.detail == "took 400 s, usually 64 s"
    assert slow_tasks(lakehouse, "d", "usual") == []


@pytest.mark.parametrize(("before", "limit"), [([1.0] * 4, None), ([1.0] * 5, 121.0), ([600.0] * 5, 1200.0)])
def test_usual_needs_some_runs_and_leaves_room(before: list[float], limit: float | None) -> None:
    assert usual_limit(before) == limit
