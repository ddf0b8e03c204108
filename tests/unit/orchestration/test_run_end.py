"""What the pipeline says about itself never stops it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine

from smart_logistics.errors import LakeUnavailable
from smart_logistics.orchestration import access, alerts, connections, run_end
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.orchestration.mail import Message
from smart_logistics.orchestration.run_record import DAG_IDS, ERROR_KEY

PIPELINE = DAG_IDS[0]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """It is now ``NOW``, however long ago this file was loaded."""
    with time_machine.travel(NOW):
        yield


@pytest.mark.parametrize("error", [LakeUnavailable("the disk is gone"), KeyError("end_date"), OSError("no space")])
def test_a_run_log_that_cannot_be_written_is_logged_and_raises_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> int:
        raise error

    monkeypatch.setattr(run_end, "record_all", fails)
    monkeypatch.setattr(run_end, "_follow", lambda *_: None)
    monkeypatch.setattr(access, "api", lambda: AirflowApi(Credentials("http://127.0.0.1:1", "u", "p")))
    monkeypatch.setattr(connections, "lakehouse", lambda: "/nowhere")
    run_end.heal()
    assert "the run log could not be written" in caplog.text
    assert str(error) in caplog.text


class Airflow:
    """An Airflow in which every DAG has one run, of the same name, that has just failed."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def runs(self, *_: object, **__: object) -> list[dict[str, Any]]:
        start, end = (moment.isoformat() for moment in (NOW - timedelta(minutes=5), NOW))
        run = {"dag_run_id": "r", "state": "failed", "run_type": "scheduled"}
        return [run | {"start_date": start, "end_date": end}]

    def tasks(self, *_: object) -> list[dict[str, Any]]:
        states = {"bronze_ingest_sql": "success", "gold_aggregate": "failed", "end": "upstream_failed"}
        return [{"task_id": task, "state": state, "try_number": 4} for task, state in states.items()]

    def state_store(self, *_: object) -> dict[str, str]:
        return self.errors


@pytest.fixture
def sent(sent: list[Message], monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setattr(run_end, "record_all", lambda *_: 0)
    monkeypatch.setattr(run_end, "_TASKS_OWN_ALERT", 0.0)
    return sent


def context(reason: str = "task_failure") -> Any:
    run = SimpleNamespace(start_date=NOW - timedelta(minutes=5))
    return {"dag": SimpleNamespace(dag_id=PIPELINE), "run_id": "r", "reason": reason, "dag_run": run}


@pytest.mark.parametrize(
    ("kept", "why"),
    [({f"{ERROR_KEY}4": "no disk"}, "gold_aggregate: no disk"), ({}, "gold_aggregate: no message: the process")],
)
def test_a_failure_of_which_its_task_could_not_tell_is_told_at_the_end_of_the_run(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch, kept: dict[str, str], why: str
) -> None:
    monkeypatch.setattr(access, "api", lambda: Airflow(kept))
    for _ in range(2):
        run_end.on_run_end(context())
    (mail,) = sent
    assert mail.line() == f"[smart-logistics] a run of {PIPELINE} failed"
    assert dict(mail.facts)["Why"].startswith(why)


def test_a_failure_of_which_its_task_has_told_is_not_told_again(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "api", lambda: Airflow({}))
    ti = SimpleNamespace(task_id="gold_aggregate", dag_id=PIPELINE, run_id="r", try_number=4, log_url="")
    alerts.on_task_failure({"ti": ti, "exception": OSError("no space")})  # type: ignore[typeddict-item]
    run_end.on_run_end(context())
    assert [mail.line() for mail in sent] == ["[smart-logistics] gold_aggregate failed"]


def test_a_failed_dry_run_is_told_to_nobody_and_keeps_nobody_waiting(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = Airflow({})
    listed = airflow.runs()
    monkeypatch.setattr(airflow, "runs", lambda *_, **__: [run | {"conf": {"dry_run": True}} for run in listed])
    monkeypatch.setattr(access, "api", lambda: airflow)
    monkeypatch.setattr(alerts, "was_told", lambda *_: pytest.fail("it waits for a mail that nobody sends"))
    dry = context()
    dry["dag_run"].conf = {"dry_run": True}
    run_end.on_run_end(dry)
    assert sent == []


def test_a_run_that_timed_out_is_told_with_that_reason_and_no_run_of_another_dag_with_it(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "api", lambda: Airflow({}))
    run_end.on_run_end(context("timed_out"))
    assert [dict(mail.facts)["Why"] for mail in sent] == ["it took longer than a run may take"]
