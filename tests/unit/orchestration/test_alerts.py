"""One mail for one incident, none for what is none, and a mail problem is never the task's."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection

from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration import alerts, connections
from smart_logistics.orchestration.mail import Message


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: Connection(conn_id="logistics_smtp", conn_type="smtp"))
    monkeypatch.setattr(alerts, "send", lambda message, _: box.append(message))
    return box


def failure(try_number: int = 4, **context: Any) -> Any:
    ti = SimpleNamespace(
        task_id="bronze_ingest_sql", dag_id="d", run_id="r", try_number=try_number, log_url="http://127.0.0.1/log"
    )
    return {"ti": ti, **context}


def deadline(state: str, run_type: str = "manual") -> dict[str, Any]:
    run = {"dag_id": "d", "dag_run_id": "r", "state": state, "run_type": run_type, "queued_at": "2026-11-24T10:00:00Z"}
    return {"dag_run": run}


def test_the_mail_says_what_why_and_what_to_do(sent: list[Message]) -> None:
    alerts.on_task_failure(failure(exception=SourceUnavailable("no answer", remedy="start it")))
    facts = dict(sent[0].facts)
    assert "bronze_ingest_sql" in sent[0].line()
    assert "no answer" in facts["Why"]
    assert facts["What to do"] == "start it"
    assert facts["Log"] == "http://127.0.0.1/log"


def test_a_lost_worker_is_told_without_a_message(sent: list[Message]) -> None:
    alerts.on_task_failure(failure())
    assert "lost" in dict(sent[0].facts)["Why"]


def test_one_incident_is_told_once(sent: list[Message]) -> None:
    alerts.on_task_failure(failure())
    alerts.on_task_failure(failure())
    alerts.on_task_failure(failure(try_number=8))
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("context", "mails"),
    [
        (deadline("running"), 1),
        (deadline("queued"), 1),
        (deadline("failed"), 0),
        (deadline("success"), 0),
        (deadline("running", "backfill"), 0),
    ],
)
def test_a_deadline_is_told_for_a_run_that_still_runs(sent: list[Message], context: Any, mails: int) -> None:
    alerts.on_deadline_missed(context, minutes=45)
    assert len(sent) == mails


def test_a_mail_server_that_is_down_is_logged_and_may_be_tried_again(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", refuse)
        alerts.on_task_failure(failure())
    assert "could not be sent" in caplog.text
    alerts.on_task_failure(failure())
    assert len(sent) == 1


def test_without_a_mail_server_the_alert_is_the_log_line(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "optional", lambda _: None)
    with caplog.at_level(logging.WARNING):
        alerts.on_task_failure(failure(exception=SourceUnavailable("no answer")))
    assert not sent
    assert re.search(r"ALERT.*\n.*bronze_ingest_sql failed", caplog.text)
    assert "no answer" in caplog.text
