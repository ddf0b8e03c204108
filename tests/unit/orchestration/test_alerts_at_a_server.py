"""Alerts at a real mail server that is down in every way that one can be, with texts that want to be more than text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from airflow.sdk import Connection

from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration import alerts, connections
from smart_logistics.orchestration.outbox import Outbox
from tests.e2e.mailbox import Mailbox, text

HOSTILE = "<script>alert(1)</script> {{ 7*7 }} ${x} \r\nBcc: thief@example.org\r\n\r\n\" ' & \u202e </td>"


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    with Mailbox.open() as box:
        smtp = connection(box.port, "b@example.org")
        monkeypatch.setattr(connections, "optional", lambda _: smtp)
        yield box


def connection(port: int, receivers: str) -> Connection:
    extra = {"from_email": "a@example.org", "to_email": receivers, "disable_ssl": True, "disable_tls": True}
    return Connection(conn_id="logistics_smtp", conn_type="smtp", host="127.0.0.1", port=port, extra=json.dumps(extra))


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


class Choosy(Mailbox):
    """A mail server that refuses some receivers."""

    refused: frozenset[str] = frozenset()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def choosy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Choosy]:
    """One that refuses the second of our two receivers."""
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    with Choosy.open() as box:
        assert isinstance(box, Choosy)
        box.refused = frozenset({"bad@example.org"})
        smtp = connection(box.port, "good@example.org, bad@example.org")
        monkeypatch.setattr(connections, "optional", lambda _: smtp)
        yield box


def test_a_receiver_that_is_refused_is_named_and_gets_the_mail_alone_when_it_is_taken(
    choosy: Choosy, caplog: pytest.LogCaptureFixture
) -> None:
    fail()
    alerts.follow("d", [])
    assert [mail["X-RcptTo"] for mail in choosy.mails] == ["good@example.org"]
    assert "bad@example.org: 550 no such user" in caplog.text
    assert len(Outbox(alerts.folder()).waiting) == 1
    choosy.refused = frozenset()
    for _ in range(2):
        alerts.follow("d", [])
    assert [mail["X-RcptTo"] for mail in choosy.mails] == ["good@example.org", "bad@example.org"]
    first, second = choosy.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert text(first) == text(second)


def test_a_receiver_that_is_refused_for_a_week_is_given_up_and_its_mail_kept(choosy: Choosy) -> None:
    fail()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        alerts.follow("d", [])
    assert len(choosy.mails) == 1
    (kept,) = (alerts.folder() / "undelivered").iterdir()
    assert json.loads(kept.read_text())["receivers"] == ["bad@example.org"]
