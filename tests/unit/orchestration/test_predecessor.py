"""A driver that an earlier try left behind is ended before the next one starts, and no other process ever is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

import psutil
import pytest

from smart_logistics.orchestration import predecessor
from smart_logistics.orchestration.predecessor import Instance

TASK = Instance("/home of a stack", "smart_logistics_pipeline", "silver_iot", "scheduled__1", 2)
LISTENS = "trap 'echo closed; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
DOES_NOT = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def started() -> Iterator[object]:
    with ExitStack() as held:

        def start(script: str, **of: object) -> subprocess.Popen[str]:
            mark = replace(TASK, try_number=1, **of).mark()  # type: ignore[arg-type]
            process = held.enter_context(
                subprocess.Popen(
                    ["bash", "-c", script],
                    env={**os.environ, **mark},
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            held.callback(kill_group, process.pid)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


def kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def said_before_its_end(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert not psutil.pid_exists(process.pid)
    return process.stdout.read()


def nobody(_: str) -> bool:
    return False


def test_a_driver_of_an_earlier_try_is_asked_to_close(started: object) -> None:
    process = started(LISTENS)  # type: ignore[operator]
    assert predecessor.end(TASK, nobody) >= 1
    assert said_before_its_end(process) == "closed\n"


def test_one_that_does_not_listen_is_killed(started: object) -> None:
    process = started(DOES_NOT)  # type: ignore[operator]
    assert predecessor.end(TASK, nobody, grace=0.5) >= 1
    assert said_before_its_end(process) == ""


def test_what_is_left_of_its_own_try_is_ended_and_nothing_else(started: object) -> None:
    process = started(LISTENS)  # type: ignore[operator]
    assert predecessor.end_own(TASK) == 0
    assert process.poll() is None
    assert predecessor.end_own(replace(TASK, try_number=1)) >= 1
    assert said_before_its_end(process) == "closed\n"


def test_one_of_an_earlier_run_is_ended_where_its_task_is_over(started: object) -> None:
    process = started(LISTENS, run_id="scheduled__0")  # type: ignore[operator]
    assert predecessor.end(TASK, nobody) >= 1
    assert said_before_its_end(process) == "closed\n"


def test_one_of_a_run_that_rightly_runs_is_left_alone(started: object) -> None:
    process = started(LISTENS, run_id="backfill__0")  # type: ignore[operator]
    asked: list[str] = []

    def runs(run_id: str) -> bool:
        asked.append(run_id)
        return True

    assert predecessor.end(TASK, runs) == 0
    assert asked == ["backfill__0"]
    assert process.poll() is None


@pytest.mark.parametrize(
    "other", [{"home": "/other"}, {"dag_id": "smart_logistics_maintenance"}, {"task_id": "silver_transactional"}]
)
def test_one_of_another_stack_dag_or_task_is_left_alone(started: object, other: dict[str, str]) -> None:
    process = started(LISTENS, **other)  # type: ignore[operator]
    assert predecessor.end(TASK, nobody) == 0
    assert process.poll() is None


def test_a_mark_that_is_none_is_no_driver() -> None:
    with subprocess.Popen(["sleep", "30"], env={**os.environ, predecessor.MARKER: "{odd"}) as process:
        assert predecessor.end(TASK, nobody) == 0
        assert process.poll() is None
        process.kill()


def test_where_none_is_left_nobody_is_asked() -> None:
    def fail(_: str) -> bool:
        raise AssertionError

    assert predecessor.end(TASK, fail) == 0
