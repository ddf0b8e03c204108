"""The warnings of a run are one mail, and no mail twice a day."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.lake import metrics, tables
from smart_logistics.orchestration import alerts, connections
from smart_logistics.orchestration.mail import Message

HOSTILE = "<script>x</script> {{ 7*7 }}"


def row(run_id: str, check: str, status: str = "warn", **values: Any) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "layer": "silver",
        "table_name": "iot_telemetry",
        "check_name": check,
        "severity": "warn",
        "status": status,
        "value": 0.25,
        "threshold": 0.05,
        "detail": "share that was rejected",
        "checked_at": datetime.now(UTC),
    } | values


@pytest.fixture
def lakehouse(tmp_path: Path) -> str:
    return str(tmp_path / "lakehouse")


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: Connection(conn_id="logistics_smtp", conn_type="smtp"))
    monkeypatch.setattr(alerts, "send", lambda message, *_: box.append(message))
    return box


class Clock:
    """The time that ``alerts`` sees."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self, _: object) -> datetime:
        return self.moment

    @staticmethod
    def fromisoformat(text: str) -> datetime:
        return datetime.fromisoformat(text)


def ends(lakehouse: str, run_id: str, *rows: dict[str, Any]) -> None:
    tables.append_rows(lakehouse, DQ_METRICS, [*rows, row(run_id, "required", "pass")])
    alerts.on_good_run("d", run_id, lakehouse)


def test_all_warnings_of_a_run_are_one_mail_with_value_and_limit(lakehouse: str, sent: list[Message]) -> None:
    alert = row("r1", "rejection_rate_alert", detail=f"ALERT above 10 %: {HOSTILE}")
    ends(lakehouse, "r1", row("r1", "rejection_rate"), alert, row("other", "volume"))
    (mail,) = sent
    labels = [label for label, _ in mail.facts]
    assert labels[1:3] == [f"silver.iot_telemetry {name} (new)" for name in ("rejection_rate_alert", "rejection_rate")]
    assert "0.25, at most 0.05" in dict(mail.facts)[labels[2]]
    assert "2 warning(s), 1 to act on" in mail.line()
    assert "<script>" not in mail.html()
    assert "{{ 7*7 }}" in mail.plain()


def test_a_run_without_warnings_is_no_mail(lakehouse: str, sent: list[Message]) -> None:
    ends(lakehouse, "r1")
    assert sent == []


def test_what_still_warns_is_logged_and_something_new_is_mailed(
    lakehouse: str, sent: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    ends(lakehouse, "r1", row("r1", "rejection_rate"), row("r1", "volume"))
    with caplog.at_level(logging.INFO):
        ends(lakehouse, "r2", row("r2", "rejection_rate"))
    assert len(sent) == 1
    assert "still: silver.iot_telemetry rejection_rate" in caplog.text
    ends(lakehouse, "r3", row("r3", "rejection_rate"), row("r3", "outlier_rate"))
    facts = dict(sent[1].facts)
    assert "silver.iot_telemetry outlier_rate (new)" in facts
    assert "silver.iot_telemetry rejection_rate" in facts
    assert facts["No longer"] == "silver.iot_telemetry volume"


def test_what_warns_for_a_day_is_mailed_again(
    lakehouse: str, sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(lakehouse, "r1", row("r1", "rejection_rate"))
    monkeypatch.setattr(alerts, "datetime", Clock(datetime.now(UTC) + timedelta(hours=23)))
    ends(lakehouse, "r2", row("r2", "rejection_rate"))
    assert len(sent) == 1
    monkeypatch.setattr(alerts, "datetime", Clock(datetime.now(UTC) + timedelta(hours=25)))
    ends(lakehouse, "r3", row("r3", "rejection_rate"))
    assert len(sent) == 2


def test_what_the_weekly_audit_warns_of_is_mailed_and_disturbs_no_hourly_digest(
    lakehouse: str, sent: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    ends(lakehouse, "r1", row("r1", "rejection_rate"))
    tables.append_rows(lakehouse, DQ_METRICS, [row(f"{metrics.AUDIT}weekly", "unconstrained")])
    alerts.on_good_run("smart_logistics_maintenance", "weekly", lakehouse)
    assert "silver.iot_telemetry unconstrained (new)" in dict(sent[1].facts)
    assert "No longer" not in dict(sent[1].facts)
    with caplog.at_level(logging.INFO):
        ends(lakehouse, "r2", row("r2", "rejection_rate"))
    assert len(sent) == 2
    assert "still: silver.iot_telemetry rejection_rate" in caplog.text


def test_one_run_is_told_once(lakehouse: str, sent: list[Message]) -> None:
    ends(lakehouse, "r1", row("r1", "rejection_rate"))
    alerts.on_good_run("d", "r1", lakehouse)
    assert len(sent) == 1


def test_a_lakehouse_that_cannot_be_read_is_logged(
    tmp_path: Path, sent: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "lakehouse" / "ops" / "dq_metrics" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("not a commit")
    alerts.on_good_run("d", "r1", str(tmp_path / "lakehouse"))
    assert sent == []
    assert "could not be made" in caplog.text
