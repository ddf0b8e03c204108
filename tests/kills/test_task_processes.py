"""What runs a task is killed while its job is in its middle and says nothing: the driver is gone within ten seconds."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.held import Held, held
from tests.e2e.mailbox import Mailbox, text
from tests.e2e.manual import clear
from tests.e2e.stack import Row, Stack
from tests.kills.drivers import Driver, is_gone, living, wait_until
from tests.kills.runs import converging, ended, incidents, news, start, tries

# It has something to do also where nothing is new.
JOB = "data_quality_check"
POINT = "data_quality_check.measured=wait-900"
ABOVE = {"tether": 0, "runner": 1, "supervisor": 2}


def in_its_middle(stack: Stack, job: Held, start_number: int = 1, name: str = JOB) -> list[Driver]:
    """Return the processes of the driver of the job of this name, which waits."""
    wait_until(lambda: job.waits(start_number), 900, f"start {start_number} of {name} at its point")
    found: list[Driver] = wait_until(lambda: _whole(stack, living(stack, name)), 60, "its tether, JVM and Python")
    return found


def _whole(stack: Stack, drivers: list[Driver]) -> list[Driver]:
    """Return the processes once all are there: on the warm session none of them is a JVM."""
    jvms = {False} if stack.settings["SPARK_SESSION"] == "warm" else {True, False}
    kinds = {one.is_tether for one in drivers}, {one.is_jvm for one in drivers}
    return drivers if kinds == ({True, False}, jvms) else []


def above(drivers: list[Driver], steps: int) -> psutil.Process:
    """Return the process so many steps above a driver's tether."""
    (process,) = [one.process for one in drivers if one.is_tether]
    for _ in range(steps):
        parent = process.parent()
        assert parent is not None
        process = parent
    return process


@pytest.mark.parametrize(("minute", "victim"), list(enumerate(ABOVE, start=10)), ids=ABOVE)
def test_what_runs_a_task_is_killed_and_its_driver_is_gone(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], tmp_path: Path, minute: int, victim: str
) -> None:
    stack.must("up")
    news(stack, minute)
    with held(stack, tmp_path / "held", JOB, POINT) as job, converging(stack, mailbox, capsys, fails=False):
        command = start(stack)
        drivers = in_its_middle(stack, job)
        above(drivers, ABOVE[victim]).kill()
        is_gone(drivers, time.monotonic())
        assert job.asked == 1
        ended(stack, command)
        assert job.starts == 2
    assert tries(stack, JOB) == 2
    killed, good = wait_until(lambda: len(found := recorded(stack)) == 2 and found, 60, "both tries in the run log")
    assert (killed["try_number"], good["try_number"], good["state"], good["error"]) == (1, 2, "success", None)
    assert killed["state"] in ("failed", "up_for_retry")
    assert killed["error"]


def recorded(stack: Stack) -> list[Row]:
    """Return what the run log holds of the job's tries in the run that ended last."""
    last = "SELECT run_id FROM ops.task_runs ORDER BY ended_at DESC LIMIT 1"
    return stack.query(f"SELECT * FROM ops.task_runs WHERE task_id = '{JOB}' AND run_id = ({last}) ORDER BY try_number")


def test_a_task_whose_runner_is_killed_at_every_try_is_told_once(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stack.must("up")
    told = len(incidents(mailbox))
    with (
        held(stack, tmp_path / "held", JOB, POINT, times=4) as job,
        converging(stack, mailbox, capsys, fails=True),
    ):
        clear(stack, JOB)
        for number in range(1, 5):
            drivers = in_its_middle(stack, job, number)
            assert len(incidents(mailbox)) == told, "a retry is no alert"
            above(drivers, 1).kill()
            is_gone(drivers, time.monotonic())
        assert ended(stack) == "failed"
    (mail,) = [one for one in mailbox.mails if " failed" in str(one["Subject"])][-1:]
    assert "the process that ran the task was lost" in text(mail)
