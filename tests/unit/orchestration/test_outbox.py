"""What could not be mailed waits on disk and is mailed once, however many processes deliver."""

from __future__ import annotations

import smtplib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import time_machine

from smart_logistics.orchestration.mail import Message
from smart_logistics.orchestration.outbox import Outbox

HOSTILE = "{{ conn.x.password }} <b>&\n\u202e\x1b[31m"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "alerts")


def message(subject: str = "s") -> Message:
    return Message(subject, (("What", HOSTILE), ("Log", "http://127.0.0.1/")))


def down(*_: object) -> None:
    raise ConnectionRefusedError("nobody there")


def test_it_is_kept_while_the_server_is_down_and_sent_once_whole(outbox: Outbox) -> None:
    outbox.post("i", message())
    assert outbox.deliver(down) == 0
    box: list[tuple[Message, str]] = []
    assert outbox.deliver(lambda *mail: box.append(mail)) == 1
    assert outbox.deliver(lambda *mail: box.append(mail)) == 0
    assert [sent for sent, _ in box] == [message()]


def test_a_password_that_smtp_cannot_say_keeps_the_mail_and_fails_nobody(outbox: Outbox) -> None:
    outbox.post("i", message())

    def log_in(*_: object) -> None:
        # What smtplib does with it, before it has sent anything.
        "pässword".encode("ascii")

    assert outbox.deliver(log_in) == 0
    assert len(outbox.waiting) == 1


def test_the_oldest_comes_first_and_a_dead_server_is_asked_once(outbox: Outbox) -> None:
    for number in range(3):
        outbox.post(str(number), message(str(number)))
    asked: list[str] = []

    def refuse(mail: Message, _: str) -> None:
        asked.append(mail.subject)
        raise TimeoutError

    outbox.deliver(refuse)
    assert asked == ["0"]
    box: list[str] = []
    outbox.deliver(lambda mail, _: box.append(mail.subject))
    assert box == ["0", "1", "2"]


def test_a_mail_that_is_refused_does_not_hold_up_the_next(outbox: Outbox) -> None:
    outbox.post("1", message("refused"))
    outbox.post("2", message("good"))
    box: list[str] = []

    def send(mail: Message, _: str) -> None:
        if mail.subject == "refused":
            raise smtplib.SMTPDataError(550, b"no")
        box.append(mail.subject)

    outbox.deliver(send)
    assert box == ["good"]
    assert len(outbox.waiting) == 1


def test_after_a_week_it_is_given_up_and_kept(outbox: Outbox) -> None:
    with time_machine.travel("2026-01-01T00:00:00Z"):
        outbox.post("i", message())
    outbox.deliver(down)
    assert not outbox.waiting
    assert len([*(outbox.folder / "undelivered").iterdir()]) == 1


def test_an_incident_is_told_once_and_again_only_since_a_later_moment(outbox: Outbox) -> None:
    assert outbox.post("i", message())
    assert not outbox.post("i", message())
    told = outbox.told_at("i")
    assert told is not None
    assert not outbox.post("i", message(), since=told)
    with time_machine.travel("2100-01-01T00:00:00Z") as clock:
        import datetime as dt

        now = dt.datetime.now(dt.UTC)
        clock.shift(1)
        assert outbox.post("i", message(), since=now)


def test_many_deliverers_send_each_mail_once(outbox: Outbox) -> None:
    for number in range(20):
        outbox.post(str(number), message(str(number)))
    box: list[str] = []
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(outbox.deliver, lambda mail, _: box.append(mail.subject))
    assert sorted(box, key=int) == [str(number) for number in range(20)]


def test_killed_while_it_delivers_nothing_is_lost(outbox: Outbox) -> None:
    outbox.post("i", message())
    code = (
        "import os, sys; from pathlib import Path; from smart_logistics.orchestration.outbox import Outbox;"
        "Outbox(Path(sys.argv[1])).deliver(lambda *_: os.kill(os.getpid(), 9))"
    )
    subprocess.run([sys.executable, "-c", code, str(outbox.folder)], check=False, timeout=60)
    box: list[str] = []
    outbox.deliver(lambda mail, _: box.append(mail.subject))
    assert box == ["s"]


def test_nobody_else_may_read_what_waits(outbox: Outbox) -> None:
    outbox.post("i", message())
    (path,) = outbox.waiting
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
