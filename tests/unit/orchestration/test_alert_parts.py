"""Every mail says all that its reader asks, and its links lead to where that reader can go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.sdk import Connection

from smart_logistics import settings
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.errors import ConfigurationError, QualityGateFailed, SourceUnavailable
from smart_logistics.lake import tables
from smart_logistics.ops import run_log
from smart_logistics.ops.deadlines import BREACH
from smart_logistics.ops.run_log import Run, TaskTry
from smart_logistics.orchestration import access, alerts, connections, deadlines, error_record, incidents, links
from smart_logistics.orchestration.failures import ByCause
from smart_logistics.orchestration.mail import Message
from smart_logistics.orchestration.run_end import _failed_tasks
from tests.unit.orchestration.test_alerts import ended, failure, headings
from tests.unit.orchestration.test_digest import row

AIRFLOW, SPARK = "https://airflow.example", "https://spark.example/ui"
LOOPBACK = "http://127.0.0.1:8080"
RUN = "manual__2026-01-01T00:00:00+00:00"
RUN_PAGE = f"{AIRFLOW}/dags/d/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    monkeypatch.setenv("LOGISTICS_AIRFLOW_URL", f"{AIRFLOW}/")
    monkeypatch.setenv("LOGISTICS_SPARK_UI_URL", SPARK)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", LOOPBACK)
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: Connection(conn_id="logistics_smtp", conn_type="smtp"))
    monkeypatch.setattr(connections, "lakehouse", lambda: str(tmp_path / "lakehouse"))
    monkeypatch.setattr(alerts, "send", lambda message, *_: box.append(message))
    return box


def a_failed_task(_: str) -> None:
    context = failure(run_id=RUN, exception=SourceUnavailable("no answer"))
    context["ti"].log_url = f"{LOOPBACK}/dags/d/runs/r/tasks/t?try_number=4"
    alerts.on_task_failure(context)


def a_failed_run(_: str) -> None:
    cause = error_record.Cause("gold_aggregate: 2 check(s) failed", error_record.guide(QualityGateFailed("x")))
    alerts.follow("d", [ended(RUN, "failed", seconds=90)], cause=lambda _: cause)


def an_ended_run(_: str) -> None:
    alerts.follow("d", [ended(RUN, "failed", seconds=0)], {RUN: error_record.Cause("too long", error_record.ENDED)})


def a_late_run(_: str) -> None:
    queued = (datetime.now(UTC) - timedelta(minutes=50)).isoformat()
    run = {"dag_id": "d", "dag_run_id": RUN, "state": "running", "run_type": "manual", "queued_at": queued}
    deadlines.on_missed({"dag_run": run}, "run takes too long", 45, BREACH)


def stale_gold(lakehouse: str) -> None:
    end = datetime.now(UTC) - timedelta(hours=3)
    tries = [TaskTry("silver_iot", 1, "success", end, end)]
    run_log.record(lakehouse, [Run("r", "d", "success", "scheduled", None, end, end, tries)])
    deadlines.look_at_gold("d", settings.load({}))


def a_recovery(_: str) -> None:
    guide = error_record.guide(SourceUnavailable("x"))
    incidents.failed(alerts.folder(), "d", "r0", datetime.now(UTC) - timedelta(hours=1), "no answer", guide)
    alerts.follow("d", [ended(RUN, "success", seconds=0)])


MAILS = [
    (a_failed_task, "a-source-that-does-not-answer", f"{AIRFLOW}/dags/d/runs/r/tasks/t?try_number=4"),
    (a_failed_run, "a-quality-gate-that-failed", RUN_PAGE),
    (an_ended_run, "a-run-that-was-ended", RUN_PAGE),
    (a_late_run, "a-run-that-takes-too-long", RUN_PAGE),
    (stale_gold, "gold-is-stale", f"{AIRFLOW}/dags/d"),
    (a_recovery, "a-source-that-does-not-answer", RUN_PAGE),
]


@pytest.mark.parametrize(("happens", "entry", "log"), MAILS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mail_has_every_part(
    sent: list[Message], tmp_path: Path, happens: Callable[[str], None], entry: str, log: str
) -> None:
    happens(str(tmp_path / "lakehouse"))
    (mail,) = sent
    facts = dict(mail.facts)
    assert facts["What"]
    assert facts.get("Why") or facts["First cause"]
    assert re.match(r"20\d\d-\d\d-\d\d", facts.get("Since") or facts["Failed since"])
    assert facts["Meaning for the data"]
    assert facts["Next step"]
    assert facts["More"] == f"docs/troubleshooting.md#{entry}"
    assert entry in headings(settings.REPOSITORY / "docs" / "troubleshooting.md")
    assert facts["Log"] == log
    assert facts["Spark"] == f"{SPARK}/"
    assert len(mail.facts) == len(facts)


def test_the_mail_of_warnings_links_to_its_page_and_run(
    sent: list[Message], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGISTICS_DOCS_URL", "https://git.example/docs")
    lakehouse = str(tmp_path / "lakehouse")
    tables.append_rows(lakehouse, DQ_METRICS, [row(RUN, "rejection_rate")])
    alerts.on_good_run("d", RUN, lakehouse)
    facts = dict(sent[0].facts)
    assert (facts["More"], facts["Log"]) == ("https://git.example/docs/quality.md", RUN_PAGE)


class Airflow:
    """What Airflow's API answers of a run's tasks, and what they have kept."""

    def __init__(self, kept: dict[str, dict[str, str]]) -> None:
        self.kept = kept

    def tasks(self, *_: object) -> list[dict[str, Any]]:
        return [{"task_id": name, "state": "failed", "try_number": 4} for name in self.kept]

    def state_store(self, _dag: str, _run: str, task: str) -> dict[str, str]:
        return self.kept[task]


class Store(dict[str, str]):
    """What Airflow's store of a task's state does here."""

    def set(self, key: str, value: str) -> None:
        self[key] = value


def test_what_helps_with_a_failed_try_is_kept_for_who_tells_of_it_later() -> None:
    store = Store()
    ti = SimpleNamespace(task_id="t", dag_id="d", run_id="r", try_number=4)
    context: Any = {"ti": ti, "task": SimpleNamespace(), "task_state_store": store}
    ByCause().evaluate(SourceUnavailable("no answer"), 4, 3, context)
    found = _failed_tasks(Airflow({"t": store}), "d", "r")  # type: ignore[arg-type]
    assert found == error_record.Cause("t: no answer", error_record.guide(SourceUnavailable("x")))


@pytest.mark.parametrize(("kept", "guide"), [({"t": {}}, error_record.guide(None)), ({}, error_record.ENDED)])
def test_what_no_task_could_say_has_an_entry_too(kept: dict[str, dict[str, str]], guide: str) -> None:
    assert _failed_tasks(Airflow(kept), "d", "r").guide == guide  # type: ignore[arg-type]


def test_without_the_settings_links_lead_to_this_machine(sent: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGISTICS_AIRFLOW_URL")
    monkeypatch.delenv("LOGISTICS_SPARK_UI_URL")
    assert links.run("d", "r") == f"{LOOPBACK}/dags/d/runs/r"
    assert links.public(f"{LOOPBACK}/x") == f"{LOOPBACK}/x"
    assert links.spark_ui() is None
    ports = settings.load().home / "run" / "ports.json"
    ports.parent.mkdir()
    ports.write_text(json.dumps({"SPARK_UI_PORT": 4711}))
    assert links.spark_ui() == "http://127.0.0.1:4711/"
    monkeypatch.setenv("LOGISTICS_SPARK_MASTER", "spark://elsewhere:7077")
    assert links.spark_ui() is None


def test_an_address_that_is_not_airflows_own_stays_as_it_is(sent: list[Message]) -> None:
    assert links.public(f"{LOOPBACK}/x") == f"{AIRFLOW}/x"
    assert links.public(f"{LOOPBACK}1/x") == f"{LOOPBACK}1/x"
    assert links.public("") == ""


def test_airflow_itself_is_asked_on_the_loopback(
    sent: list[Message], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"admin": "p"}))
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin")
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
    asked: list[str] = []
    monkeypatch.setattr(access, "AirflowApi", lambda given: asked.append(given.base_url))
    access.api()
    assert asked == [LOOPBACK] == [conf.get("api", "base_url")]


@pytest.mark.parametrize("name", ["AIRFLOW_URL", "SPARK_UI_URL", "DOCS_URL"])
@pytest.mark.parametrize(
    "text",
    [
        "airflow.example",
        "javascript:alert(1)",
        "https://",
        "https://u:p@airflow.example",
        "https://airflow.example:port",
        "https://airflow.example/a b",
        "https://airflow.example/?next=",
        "https://airflow.example/#top",
    ],
)
def test_what_is_no_address_of_pages_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"LOGISTICS_{name} is not usable"):
        settings.load({f"LOGISTICS_{name}": text})
