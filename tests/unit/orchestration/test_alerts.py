"""One mail for one incident, none for what is none, and a mail problem is never the task's."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection

from smart_logistics.errors import FAMILY, LogisticsError, SourceUnavailable
from smart_logistics.orchestration import alerts, connections, incidents
from smart_logistics.orchestration.error_record import ENDED, Cause
from smart_logistics.orchestration.mail import Message
from smart_logistics.settings import REPOSITORY


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: Connection(conn_id="logistics_smtp", conn_type="smtp"))
    monkeypatch.setattr(alerts, "send", lambda message, *_: box.append(message))
    return box


def failure(try_number: int = 4, run_id: str = "r", task_id: str = "bronze_ingest_sql", **context: Any) -> Any:
    ti = SimpleNamespace(
        task_id=task_id, dag_id="d", run_id=run_id, try_number=try_number, log_url="http://127.0.0.1/log"
    )
    return {"ti": ti, **context}


def ended(run_id: str, state: str, *, seconds: float, run_type: str = "scheduled", **conf: Any) -> dict[str, Any]:
    end = datetime.now(UTC) - timedelta(seconds=seconds)
    start = (end - timedelta(minutes=3)).isoformat()
    run = {"dag_run_id": run_id, "state": state, "run_type": run_type, "start_date": start, "conf": conf}
    return run | {"end_date": end.isoformat()}


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


def test_a_run_is_told_once_whatever_else_fails_in_it_and_again_after_it_was_cleared(sent: list[Message]) -> None:
    first = SimpleNamespace(start_date=datetime.now(UTC) - timedelta(minutes=5))
    alerts.on_task_failure(failure(dag_run=first))
    alerts.on_task_failure(failure(dag_run=first))
    alerts.on_task_failure(failure(dag_run=first, task_id="bronze_ingest_iot"))
    assert len(sent) == 1
    alerts.on_task_failure(failure(try_number=8, dag_run=SimpleNamespace(start_date=datetime.now(UTC))))
    assert len(sent) == 2


def test_failing_runs_are_one_incident_and_the_next_good_one_ends_it(sent: list[Message]) -> None:
    for run_id in ("r1", "r2", "r3"):
        alerts.on_task_failure(failure(run_id=run_id, exception=SourceUnavailable(f"no answer in {run_id}")))
    assert "3rd run in a row" in sent[2].line()
    assert "no answer in r1" in dict(sent[2].facts)["Since"]
    for _ in range(2):
        alerts.follow("d", [ended("r3", "failed", seconds=0), ended("r4", "success", seconds=-1)])
    assert [message.line() for message in sent[3:]] == ["[smart-logistics] d is well again"]
    alerts.on_task_failure(failure(run_id="r5"))
    assert "in a row" not in sent[-1].line()


def test_a_run_of_which_nobody_could_tell_is_told_later_and_once(sent: list[Message]) -> None:
    alerts.follow("d", [ended("r", "failed", seconds=5)])
    assert not sent, "the task's own alert may be under way"
    for _ in range(2):
        alerts.follow("d", [ended("r", "failed", seconds=90), ended("b", "failed", seconds=90, run_type="backfill")])
    assert [message.line() for message in sent] == ["[smart-logistics] a run of d failed"]
    alerts.on_task_failure(failure())
    assert len(sent) == 1


@pytest.mark.parametrize("apart", [{"run_type": "backfill"}, {"run_type": "manual", "dry_run": True}])
def test_a_backfill_and_a_dry_run_open_no_incident_and_end_none(
    sent: list[Message], caplog: pytest.LogCaptureFixture, apart: dict[str, Any]
) -> None:
    conf = {name: value for name, value in apart.items() if name != "run_type"}
    for number in range(3):
        run = SimpleNamespace(start_date=datetime.now(UTC), run_type=apart["run_type"], conf=conf)
        alerts.on_task_failure(failure(run_id=f"b{number}", dag_run=run, exception=SourceUnavailable("no answer")))
    alerts.follow("d", [ended("b0", "failed", seconds=90, **apart)], {"b0": Cause("it took too long", ENDED)})
    assert (sent, incidents.current(alerts.folder(), "d")) == ([], None)
    assert "no answer" in caplog.text
    alerts.on_task_failure(failure(run_id="r1"))
    alerts.follow("d", [ended("b4", "success", seconds=-1, **apart)])
    incident = incidents.current(alerts.folder(), "d")
    assert incident is not None
    assert (len(sent), incident.runs) == (1, ("r1",))
    alerts.follow("d", [ended("r2", "success", seconds=-2)])
    assert [message.line() for message in sent[1:]] == ["[smart-logistics] d is well again"]


def test_a_failed_run_of_days_ago_is_told_unless_another_one_has_ended_since(sent: list[Message]) -> None:
    friday, day = 3 * 86_400, 86_400
    runs = [ended("r0", "failed", seconds=friday + day), ended("r1", "failed", seconds=friday)]
    for _ in range(2):
        alerts.follow("d", [*runs, ended("plan", "success", seconds=60, run_type="manual", dry_run=True)])
    assert ["r1" in dict(message.facts)["What"] for message in sent] == [True]
    alerts.follow("e", [*runs, ended("r2", "success", seconds=2 * day)])
    assert len(sent) == 1


def test_a_run_that_timed_out_is_told_at_once_with_its_reason(sent: list[Message]) -> None:
    alerts.follow("d", [ended("r", "failed", seconds=0)], {"r": Cause("it took too long", ENDED)})
    assert dict(sent[0].facts)["Why"] == "it took too long"


@pytest.mark.parametrize("kind", FAMILY)
def test_an_alert_points_at_a_heading_that_is_there(sent: list[Message], kind: type[LogisticsError]) -> None:
    alerts.on_task_failure(failure(exception=kind("it broke", remedy="mend it")))
    page, anchor = dict(sent[0].facts)["More"].split("#")
    assert anchor in headings(REPOSITORY / page)


def test_where_the_pages_are_served_an_alert_links_there(sent: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGISTICS_DOCS_URL", "https://git.example/docs/")
    error = SourceUnavailable("no answer")
    alerts.on_task_failure(failure(exception=error))
    link = f"https://git.example/docs/troubleshooting.md#{error.guide}"
    assert dict(sent[0].facts)["More"] == link
    assert f'<a href="{link}">' in sent[0].html()


def headings(page: Path) -> set[str]:
    """Return the anchors that a page offers, made as its viewers make them."""
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_a_mail_server_that_is_down_is_logged_and_may_be_tried_again(
    sent: list[Message], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", refuse)
        alerts.on_task_failure(failure())
    assert "waits for the next time" in caplog.text
    assert not sent
    alerts.follow("d", [])
    alerts.follow("d", [])
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
