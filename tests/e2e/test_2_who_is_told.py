"""Who is told what, at a real mail server: nobody of a retry, once of a failure, once of its end, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message as Mail
from html import escape

import psutil
import pytest

from smart_logistics.orchestration.run_record import WATCH_ID
from tests.e2e.mailbox import Mailbox, text
from tests.e2e.manual import set_variable, trigger
from tests.e2e.stack import Stack, states

pytestmark = pytest.mark.long

HOLD = "logistics_hold_minutes"
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} {{ conn.logistics_postgres.password }} \" ' & \u202e </td>"


@pytest.fixture(scope="module", autouse=True)
def is_up_and_well(lived_in: Stack, stack: Stack) -> None:
    stack.must("up")
    stack.run()


def incidents(mailbox: Mailbox) -> list[Mail]:
    """Return the mails about failures and their ends."""
    wanted = (" failed", " is well again")
    return [one for one in mailbox.mails if " ".join(str(one["Subject"]).split()).partition(" (")[0].endswith(wanted)]


@contextmanager
def a_setting_that_is_none(stack: Stack, value: str) -> Iterator[None]:
    """While the block runs, every run fails at once, without a retry: a Variable is not what it must be."""
    set_variable(stack, HOLD, value)
    try:
        yield
    finally:
        set_variable(stack, HOLD, "60")


@pytest.mark.parametrize("how", ["closed", "hangs", "refuses"])
def test_a_failure_while_the_mail_server_is_down_is_told_once_when_it_is_up_again(
    stack: Stack, mailbox: Mailbox, how: str
) -> None:
    told = len(incidents(mailbox))
    with a_setting_that_is_none(stack, HOSTILE), mailbox.away(how):
        result = stack.call("run", "--json", "--timeout", "600")
        failed = json.loads(result.stdout)
        # What a run ends with is not a matter of mail.
        assert (failed["state"], states(failed)["start"]) == ("failed", "failed")
        assert [task["try_number"] for task in failed["tasks"] if task["task_id"] == "start"] == [1]
        waiting = stack.home / "alerts" / "outbox"
        assert len(list(waiting.iterdir())) == 1
        assert trigger(stack, WATCH_ID) == "success"
        assert len(list(waiting.iterdir())) == 1
    for _ in range(2):
        assert trigger(stack, WATCH_ID) == "success"
    (mail,) = incidents(mailbox)[told:]
    assert list(waiting.iterdir()) == []
    assert_literal(mail, HOSTILE)


def assert_literal(mail: Mail, hostile: str) -> None:
    """See that a text is in both parts of a mail as it is, and is nothing but text."""
    said, shown = text(mail), text(mail, "text/html")
    # An exception quotes what it was given.
    core = "<script>alert(1)</script> {{ 7*7 }} {{ conn.logistics_postgres.password }}"
    assert core in hostile
    assert core in said
    assert escape(core) in shown
    assert "<script" not in shown
    assert "49" not in said.partition("Why: ")[2].partition("\n")[0]


def test_all_is_well_again_and_that_is_told_once(stack: Stack, mailbox: Mailbox) -> None:
    told = len(incidents(mailbox))
    assert states(stack.run())["start"] == "success"
    mailbox.wait_for(lambda _: len(incidents(mailbox)) > told)
    (mail,) = incidents(mailbox)[told:]
    assert "is well again" in " ".join(str(mail["Subject"]).split())
    assert "Failed runs: 3" in text(mail)


def test_a_hostile_file_name_is_text_in_the_digest(stack: Stack, mailbox: Mailbox) -> None:
    mark = "<img src=x onerror=alert(1)> {{ 7*7 }}"
    plate = stack.query("SELECT license_plate FROM silver.vehicles ORDER BY vehicle_id LIMIT 1")[0]["license_plate"]
    record = {"truck_id": plate, "timestamp": "2026-01-01T00:00:00Z", "temperature": 5.0}
    (stack.home / "landing" / f"iot_telemetry_20260101_000000_{mark}.json").write_text(json.dumps(record))
    for warned in (stack.home / "alerts" / "warned").iterdir():
        warned.unlink()  # as if a day had passed
    told = len(mailbox.mails)
    assert states(stack.run())["bronze_ingest_iot"] == "success"
    mailbox.wait_for(lambda _: any("warning(s)" in str(one["Subject"]) for one in mailbox.mails[told:]))
    (mail,) = [one for one in mailbox.mails[told:] if "warning(s)" in str(one["Subject"])]
    assert mark in text(mail)
    assert escape(mark) in text(mail, "text/html")
    assert "<img" not in text(mail, "text/html")


def test_nothing_of_it_is_left_behind(stack: Stack) -> None:
    assert not list((stack.home / "alerts" / "outbox").iterdir())
    marker = f'"home": "{stack.home}"'
    for process in psutil.process_iter():
        try:
            assert marker not in process.environ().get("LOGISTICS_DRIVER_OF", "")
        except psutil.Error:
            continue
