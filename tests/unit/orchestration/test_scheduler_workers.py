"""Whoever the scheduler forks dies with it, and leaves nothing open that was the scheduler's."""

from __future__ import annotations

import subprocess
import sys

import psutil

# A scheduler, its worker, and the worker's task; each says who it is.
_FAMILY = """
import os, time
from smart_logistics.orchestration.scheduler import die_with_us
if {tied}:
    die_with_us()
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(60)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""


def killed(*, tied: bool) -> bool:
    """Return whether the worker of a killed scheduler is gone soon."""
    command = [sys.executable, "-c", _FAMILY.format(tied=tied)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stdout is not None
        worker = psutil.Process(int(scheduler.stdout.readline()))
        (task,) = worker.children()
        scheduler.kill()
        try:
            worker.wait(2)
        except psutil.TimeoutExpired:
            return False
        else:
            # It is not the scheduler's own: what watches over it decides.
            assert task.is_running()
            return True
        finally:
            for process in (worker, task):
                if process.is_running():
                    process.kill()


def test_a_worker_dies_with_the_scheduler_and_would_not_by_itself() -> None:
    assert not killed(tied=False)
    assert killed(tied=True)
