"""Alerts at a real mail server that is down in every way that one can be, with texts that want to be more than text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import Connection

from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration import alerts, connections
from tests.e2e.mailbox import Mailbox, text

HOSTILE = "<script>alert(1)</script> {{ 7*7 }} ${x} \r\nBcc: thief@example.org\r\n\r\n\" ' & \u202e </td>"


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    with Mailbox.open() as box:
        extra = {"from_email": "a@example.org", "to_email": "b@example.org", "disable_ssl": True, "disable_tls": True}
        smtp = Connection(
            conn_id="logistics_smtp", conn_type="smtp", host="127.0.0.1", port=box.port, extra=json.dumps(extra)
        )
        monkeypatch.setattr(connections, "optional", lambda _: smtp)
        yield box


def fail() -> None:
    ti = SimpleNamespace(task_id="silver_iot", dag_id="d", run_id="r", try_number=4, log_url="http://127.0.0.1/log")
    alerts.on_task_failure({"ti": ti, "exception": SourceUnavailable(HOSTILE)})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("how", ["closed", "hangs", "refuses"])
def test_what_failed_while_it_was_down_is_told_once_when_it_is_up(mailbox: Mailbox, how: str) -> None:
    with mailbox.away(how):
        began = time.monotonic()
        fail()
        # Airflow ends a task's callback after twenty seconds.
        assert time.monotonic() - began < 15
        alerts.follow("d", [])
    assert mailbox.mails == []
    for _ in range(3):
        alerts.follow("d", [])
    fail()
    assert len(mailbox.mails) == 1


def test_a_hostile_text_is_text_in_both_parts_and_no_header(mailbox: Mailbox) -> None:
    fail()
    (mail,) = mailbox.mails
    core = "<script>alert(1)</script> {{ 7*7 }} ${x} Bcc: thief@example.org \" ' & \u202e </td>"
    assert core in text(mail)
    assert escape(core) in text(mail, "text/html")
    assert "<script" not in text(mail, "text/html")
    assert mail["Bcc"] is None
    assert mail["X-RcptTo"] == "b@example.org"
