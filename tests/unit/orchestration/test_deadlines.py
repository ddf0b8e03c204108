"""A missed deadline is recorded and told once, for runs whose time means something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from smart_logistics import settings
from smart_logistics.contracts.ops import MISSED_DEADLINES
from smart_logistics.lake import tables
from smart_logistics.ops import run_log
from smart_logistics.ops.deadlines import BREACH, WARNING, slow_tasks, usual_limit
from smart_logistics.ops.run_log import Run, TaskTry
from smart_logistics.orchestration import access, connections, deadlines, stats
from smart_logistics.orchestration.mail import Message

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """It is now ``NOW``, however long ago this file was loaded."""
    with time_machine.travel(NOW):
        yield


class Airflow:
    """What Airflow's API answers of one DAG."""

    def __init__(self) -> None:
        self.is_paused = False
        self.under_way: list[dict[str, Any]] = []
        self.running_for: dict[str, float] = {}

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def dag(self, _: str) -> dict[str, Any]:
        return {"is_paused": self.is_paused}

    def runs(self, _: str, *, states: tuple[str, ...], limit: int) -> list[dict[str, Any]]:
        return [run for run in self.under_way if run["state"] in states][:limit]

    def tasks(self, _: str, run_id: str) -> list[dict[str, Any]]:
        started = {name: datetime.now(UTC) - timedelta(seconds=took) for name, took in self.running_for.items()}
        found = [{"task_id": name, "state": "running", "start_date": at.isoformat()} for name, at in started.items()]
        return [*found, {"task_id": "end", "state": None, "start_date": None}]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    answering = Airflow()
    monkeypatch.setattr(access, "api", lambda: answering)
    return answering


def queued(minutes: int, state: str = "running", run_type: str = "manual") -> dict[str, Any]:
    # As Airflow has it, to which a dry run is a manual one.
    asked = {"run_type": "manual", "conf": {"dry_run": True}} if run_type == "dry_run" else {"run_type": run_type}
    run = {"dag_id": "d", "dag_run_id": "r", "state": state, **asked}
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
        ("running", "dry_run", 0),
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


def test_a_deadline_counts_as_an_alert_once(
    sent: list[Message], airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(stats, "count", lambda name, *_, **tags: counted.append(tags.get("kind", name)))
    for _ in range(2):
        deadlines.on_missed(queued(46), "run takes too long", 45, BREACH)
    assert counted.count("deadline_missed") == 1


@pytest.mark.parametrize(("minutes", "told"), [(10, 0), (17, 1)])
def test_unusual_is_what_takes_so_much_longer_than_the_last_good_runs(
    sent: list[Message], lakehouse: str, airflow: Airflow, minutes: int, told: int
) -> None:
    deadlines.on_missed(queued(minutes), deadlines.UNUSUAL, 15, WARNING)
    assert not sent, "too few runs to say what is usual"
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(5)])
    # What Airflow's own average is misled by.
    run_log.record(lakehouse, [run(f"failed{n}", "failed", 10 - n, 5) for n in range(5)])
    for kind, seconds in (("backfill", 9000), ("dry_run", 1)):
        apart = [run(f"{kind}{n}", "success", 5 - n, seconds) for n in range(9)]
        run_log.record(lakehouse, [replace(one, run_type=kind) for one in apart])
    deadlines.on_missed(queued(minutes), deadlines.UNUSUAL, 15, WARNING)
    airflow.under_way = [queued(minutes)["dag_run"]]
    for _ in range(2):
        deadlines.look_at_runs_under_way("d", settings.load({}))
    assert len(sent) == told
    assert [row["deadline"] for row in recorded(lakehouse)] == [deadlines.UNUSUAL] * told


def test_the_watch_finds_what_airflows_average_called_too_early(
    sent: list[Message], lakehouse: str, airflow: Airflow
) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(5)])
    airflow.under_way = [queued(17)["dag_run"]]
    for _ in range(2):
        deadlines.look_at_runs_under_way("d", settings.load({}))
    assert [message.line() for message in sent] == ["[smart-logistics] d: run takes unusually long"]
    assert len(recorded(lakehouse)) == 1


def test_a_run_that_was_cleared_is_counted_from_its_last_queueing_by_the_watch(
    sent: list[Message], lakehouse: str, airflow: Airflow
) -> None:
    deadlines.on_missed(queued(5), "run takes too long", 45, BREACH)
    assert recorded(lakehouse) == []
    given = settings.load({})
    for minutes in (29, 31, 46):
        airflow.under_way = [queued(minutes)["dag_run"]]
        for _ in range(2):
            deadlines.look_at_runs_under_way("d", given)
    assert [message.line() for message in sent] == [
        "[smart-logistics] d: run is slow",
        "[smart-logistics] d: run takes too long",
    ]
    assert sorted(row["deadline"] for row in recorded(lakehouse)) == ["run is slow", "run takes too long"]


def test_two_warnings_of_a_run_are_one_mail_and_its_breach_another(sent: list[Message], lakehouse: str) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(5)])
    deadlines.on_missed(queued(31), "run is slow", 30, WARNING)
    deadlines.on_missed(queued(32), "run takes unusually long", 15, WARNING)
    deadlines.on_missed(queued(46), "run takes too long", 45, BREACH)
    assert [message.line() for message in sent] == [
        "[smart-logistics] d: run is slow",
        "[smart-logistics] d: run takes too long",
    ]
    assert len(recorded(lakehouse)) == 3


def test_stale_gold_is_told_and_recorded_once_for_each_spell(
    sent: list[Message], lakehouse: str, airflow: Airflow
) -> None:
    given = settings.load({})
    deadlines.look_at_gold("d", given)
    assert not sent, "nothing ever ran: nobody waits for Gold"
    run_log.record(lakehouse, [run("a", "success", 3), run("b", "failed", 1)])
    for _ in range(3):
        deadlines.look_at_gold("d", given)
    assert [message.line() for message in sent] == ["[smart-logistics] d: Gold is stale"]
    (row,) = recorded(lakehouse)
    assert (row["deadline"], row["severity"], row["limit_minutes"]) == ("Gold is stale", "error", 120)
    version = version_of(lakehouse)
    deadlines.look_at_gold("d", given)
    assert version_of(lakehouse) == version, "a look that finds nothing new writes nothing"
    run_log.record(lakehouse, [run("c", "success", 0.5)])
    deadlines.look_at_gold("d", given)
    assert len(sent) == 1
    run_log.record(lakehouse, [run(name, "success", ago) for name, ago in (("a", 9), ("c", 2.5))])
    deadlines.look_at_gold("d", given)
    assert len(sent) == len(recorded(lakehouse)) == 2, "another spell"


def version_of(lakehouse: str) -> int:
    table = tables.open_table(lakehouse, MISSED_DEADLINES)
    assert table is not None
    return table.version()


@pytest.mark.parametrize(
    ("is_paused", "under_way", "said"),
    [
        (True, [], "; the DAG is paused"),
        (False, [{"dag_run_id": "r9", "state": "queued"}], "; the run r9 is queued"),
        (False, [], "180 min ago"),
    ],
)
def test_stale_gold_says_what_keeps_the_runs(
    sent: list[Message], lakehouse: str, airflow: Airflow, is_paused: bool, under_way: list[Any], said: str
) -> None:
    airflow.is_paused, airflow.under_way = is_paused, under_way
    run_log.record(lakehouse, [run("a", "success", 3)])
    deadlines.look_at_gold("d", settings.load({}))
    assert dict(sent[0].facts)["Why"].endswith(said)


def test_stale_gold_is_told_also_where_airflow_does_not_answer(sent: list[Message], lakehouse: str) -> None:
    run_log.record(lakehouse, [run("a", "success", 3)])
    deadlines.look_at_gold("d", settings.load({}))
    assert len(sent) == 1


def test_a_slow_run_says_which_task_runs_and_how_long_it_usually_takes(
    sent: list[Message], lakehouse: str, airflow: Airflow
) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(6)])
    airflow.running_for = {"silver_iot": 1500, "bronze_ingest_sql": 30}
    deadlines.on_missed(queued(31), "run is slow", 30, WARNING)
    why = dict(sent[0].facts)["Why"]
    assert "silver_iot has been running for 25.0 min, usually 1.0 min" in why
    assert "bronze_ingest_sql has been running for 0.5 min" in why


def test_a_task_that_runs_for_unusually_long_is_recorded_while_it_runs_and_finally_when_it_has_ended(
    lakehouse: str, airflow: Airflow, caplog: pytest.LogCaptureFixture
) -> None:
    run_log.record(lakehouse, [run(f"r{n}", "success", 20 - n, 60) for n in range(6)])
    airflow.under_way = [
        {"dag_run_id": "now", "state": "running", "run_type": "scheduled", "dag_id": "d", "queued_at": str(NOW)},
        {"dag_run_id": "old", "state": "running", "run_type": "backfill"},
    ]
    airflow.running_for = {"silver_iot": 100}
    given = settings.load({})
    deadlines.look_at_runs_under_way("d", given)
    assert recorded(lakehouse) == []
    airflow.running_for = {"silver_iot": 700}
    deadlines.look_at_runs_under_way("d", given)
    (row,) = recorded(lakehouse)
    assert (row["run_id"], row["deadline"]) == ("now", "task silver_iot took unusually long")
    assert row["detail"] == "has been running for 700 s, usually 60 s"
    assert "took unusually long" in caplog.text
    run_log.record(lakehouse, [run("now", "success", 0, 900)])
    deadlines.look_at_tasks("d", ["now"])
    assert [one["detail"] for one in recorded(lakehouse)] == ["took 900 s, usually 60 s"]


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
