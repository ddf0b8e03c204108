"""A task is cleared, marked or timed out while its job is in its middle: the driver is asked to end, and is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.held import held
from tests.e2e.mailbox import Mailbox
from tests.e2e.manual import clear
from tests.e2e.stack import Stack
from tests.kills.drivers import is_gone, living, wait_until
from tests.kills.runs import converging, ended, mark, news, start, tries
from tests.kills.test_task_processes import JOB, POINT, in_its_middle

# Longer than the job and what follows it take on a busy machine.
_LIMIT_MINUTES = 3
# The first job of a run, so that the run's limit finds it where it is held.
_FIRST = "bronze_ingest_sql"


@pytest.mark.parametrize("state", ["cleared", "failed", "success"])
def test_a_task_is_cleared_or_marked_while_it_runs(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], tmp_path: Path, state: str
) -> None:
    stack.must("up")
    before = tries(stack, JOB)
    with (
        held(stack, tmp_path / "held", JOB, POINT) as job,
        # By hand or not: a run that failed is told, and its end, too.
        converging(stack, mailbox, capsys, fails=state == "failed"),
    ):
        clear(stack, JOB)
        drivers = in_its_middle(stack, job)
        since = time.monotonic()
        if state == "cleared":
            clear(stack, JOB)
        else:
            mark(stack, JOB, state)
        is_gone(drivers, since)
        assert job.asked == 1, "killed without having been asked"
        ended(stack)
        assert job.starts == (2 if state == "cleared" else 1)
        assert tries(stack, JOB) > before


@contextmanager
def limited(stack: Stack, setting: str, minutes: int) -> Iterator[None]:
    """Set a setting to so many minutes while the block runs; whoever reads it has it from its environment."""
    stack.settings[setting] = str(minutes)
    stack.must("up")
    try:
        yield
    finally:
        del stack.settings[setting]
        stack.must("up")


def test_a_task_takes_too_long(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with (
        limited(stack, "TASK_TIMEOUT_MINUTES", _LIMIT_MINUTES),
        held(stack, tmp_path / "held", JOB, POINT) as job,
        converging(stack, mailbox, capsys, fails=False),
    ):
        began = time.monotonic()
        clear(stack, JOB)
        drivers = in_its_middle(stack, job)
        wait_until(lambda: job.asked, _LIMIT_MINUTES * 60 + 60, "the end of its time")
        since = time.monotonic()
        # The limit counts from the task's start, which is after ours.
        assert since - began >= _LIMIT_MINUTES * 60
        is_gone(drivers, since)
        ended(stack)
        assert job.starts == 2
    assert living(stack) == []


def test_a_run_takes_longer_than_it_may(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with (
        held(stack, tmp_path / "held", _FIRST, f"{_FIRST}.looked=wait-900") as job,
        converging(stack, mailbox, capsys, fails=True),
        limited(stack, "RUN_TIMEOUT_MINUTES", _LIMIT_MINUTES),
    ):
        news(stack, 30)
        command = start(stack)
        drivers = in_its_middle(stack, job, name=_FIRST)
        wait_until(lambda: job.asked, _LIMIT_MINUTES * 60 + 60, "the end of the run's time")
        is_gone(drivers, time.monotonic())
        assert ended(stack, command) == "failed"
        assert job.starts == 1, "a run that has ended was tried again"
        wait_until(lambda: mailbox.about(" failed", "longer than a run may take"), 90, "the alert, with its cause")
    assert living(stack) == []
