"""While somebody's delivery hangs, what others have to tell is kept; nothing counts as told that was not."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smart_logistics.contracts.ops import DQ_METRICS, MISSED_DEADLINES
from smart_logistics.lake import locks, tables
from smart_logistics.ops.deadlines import BREACH
from smart_logistics.orchestration import alerts, deadlines, incidents, outbox
from smart_logistics.orchestration.mail import Message
from smart_logistics.orchestration.outbox import Outbox
from tests.unit.orchestration.test_digest import row

SPOOL_LOCK = "lock"


@pytest.fixture
def sent(sent: list[Message], monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setattr(outbox, "_LOCK_SECONDS", 0.2)
    return sent


def run(state: str, minutes_ago: int, **values: Any) -> dict[str, Any]:
    end = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    start = (end - timedelta(minutes=3)).isoformat()
    found = {"dag_id": "d", "dag_run_id": f"r{minutes_ago}", "state": state, "run_type": "scheduled"}
    return found | {"start_date": start, "end_date": end.isoformat(), "queued_at": start} | values


def recover() -> None:
    """The first good run after a failed one."""
    alerts.follow("d", [run("success", -1)])


def warn(lakehouse: str) -> None:
    """A good run with a warning."""
    tables.append_rows(lakehouse, DQ_METRICS, [row("r1", "rejection_rate")])
    alerts.on_good_run("d", "r1", lakehouse)


def be_late() -> None:
    """A run that takes too long."""
    deadlines.on_missed({"dag_run": run("running", 60)}, "run takes too long", 45, BREACH)


def is_open() -> bool:
    return incidents.current(alerts.folder(), "d") is not None


def recorded(lakehouse: str) -> int:
    table = tables.open_table(lakehouse, MISSED_DEADLINES)
    return 0 if table is None else table.to_pyarrow_table().num_rows


def test_three_tell_while_a_delivery_hangs_and_each_is_mailed_once(sent: list[Message], tmp_path: Path) -> None:
    ti = SimpleNamespace(task_id="silver_iot", dag_id="d", run_id="r", try_number=4, log_url="")
    with locks.hold(alerts.folder() / outbox.DELIVERY_LOCK):
        alerts.on_task_failure({"ti": ti, "exception": OSError("no space")})  # type: ignore[typeddict-item]
        recover()
        be_late()
        assert len(Outbox(alerts.folder()).waiting) == 3
        assert sent == []
    assert not is_open()
    assert recorded(str(tmp_path / "lakehouse")) == 1
    for _ in range(2):
        alerts.follow("d", [])
    assert [message.line().removeprefix("[smart-logistics] ") for message in sent] == [
        "silver_iot failed",
        "d is well again",
        "d: run takes too long",
    ]


def test_who_puts_in_does_not_wait_for_who_delivers(sent: list[Message]) -> None:
    with locks.hold(alerts.folder() / outbox.DELIVERY_LOCK):
        began = time.monotonic()
        assert Outbox(alerts.folder()).post("i", Message("s", ()))
        assert time.monotonic() - began < 0.2


def test_what_is_put_in_while_a_mail_is_under_way_goes_out_with_it(sent: list[Message]) -> None:
    box = Outbox(alerts.folder())
    box.post("first", Message("first", ()))
    taken: list[str] = []

    def send(message: Message, _: str) -> None:
        taken.append(message.subject)
        box.post("second", Message("second", ()))

    assert box.deliver(send) == 2
    assert taken == ["first", "second"]


def test_a_recovery_that_could_not_be_kept_is_told_by_the_next_call(
    sent: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    incidents.failed(alerts.folder(), "d", "r9", datetime.now(UTC) - timedelta(hours=1), "no disk")
    with locks.hold(alerts.folder() / SPOOL_LOCK):
        recover()
    assert is_open()
    assert "could not be kept" in caplog.text
    recover()
    assert not is_open()
    assert [message.line() for message in sent] == ["[smart-logistics] d is well again"]


def test_warnings_that_could_not_be_kept_are_not_remembered_as_told(sent: list[Message], tmp_path: Path) -> None:
    lakehouse = str(tmp_path / "lakehouse")
    with locks.hold(alerts.folder() / SPOOL_LOCK):
        warn(lakehouse)
    alerts.on_good_run("d", "r1", lakehouse)
    assert ["1 warning(s)" in message.line() for message in sent] == [True]


def test_a_missed_deadline_that_could_not_be_kept_is_not_recorded_so_that_the_watch_tells(
    sent: list[Message], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lakehouse = str(tmp_path / "lakehouse")
    with locks.hold(alerts.folder() / SPOOL_LOCK):
        be_late()
    assert recorded(lakehouse) == 0
    assert "run takes too long" in caplog.text
    be_late()
    assert recorded(lakehouse) == len(sent) == 1


def test_a_failed_task_that_could_not_be_kept_is_told_at_the_end_of_its_run(sent: list[Message]) -> None:
    ti = SimpleNamespace(task_id="silver_iot", dag_id="d", run_id="r2", try_number=4, log_url="")
    with locks.hold(alerts.folder() / SPOOL_LOCK):
        alerts.on_task_failure({"ti": ti, "exception": OSError("no space")})  # type: ignore[typeddict-item]
    assert not alerts.was_told("d", "r2", None, 0)
    alerts.follow("d", [run("failed", 2)])
    assert [message.line() for message in sent] == ["[smart-logistics] a run of d failed"]
