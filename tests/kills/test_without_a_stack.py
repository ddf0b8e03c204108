"""A real driver, held in the middle of its job, under a runner and a supervisor that are killed: needs no stack."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from smart_logistics.lake.spark_conf import job_properties, render
from smart_logistics.settings import REPOSITORY
from tests.e2e.held import Held, held_python
from tests.e2e.stack import Stack
from tests.kills.drivers import GONE_SECONDS, Driver, Sampled, is_alive, is_gone, living, wait_until

POINT = "bronze_ingest_iot.planned"
_STARTS_WITHIN = 600


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Stack]:
    """A home with one file to take; nothing runs there, and nothing is left to run."""
    stack = Stack(tmp_path / "home")
    landing = stack.home / "landing"
    landing.mkdir(parents=True)
    record = '{"truck_id": "A", "timestamp": "2026-01-01T00:00:00Z", "temperature": 5.0}\n'
    (landing / "iot_telemetry_20260101_000000_1.json").write_text(record)
    properties = job_properties(REPOSITORY / ".local" / "jars", stack.home / "scratch")
    (stack.home / "spark.conf").write_text(render(properties))
    yield stack
    for one in living(stack):
        with suppress(psutil.NoSuchProcess):
            one.process.kill()


def in_its_middle(home: Stack, job: Held) -> list[Driver]:
    wait_until(job.waits, _STARTS_WITHIN, POINT)
    assert job.starts == 1
    return living(home)


@pytest.mark.parametrize("victim", ["tether", "runner", "supervisor"])
def test_a_silent_driver_is_asked_to_end_and_is_gone(home: Stack, victim: str) -> None:
    python = held_python(home.home / "held", f"{POINT}=wait-900", times=1)
    words = (sys.executable, "-m", "tests.kills.runner", str(home.home), str(python), "1")
    # A supervisor: a process that starts the runner and waits for it.
    with subprocess.Popen(["bash", "-c", '"$@" & wait', "supervisor", *words], cwd=REPOSITORY) as supervisor:
        drivers = in_its_middle(home, Held(python.parent))
        (launcher,) = [one.process for one in drivers if one.is_tether]
        runner = launcher.parent()
        assert runner is not None
        seen = Sampled()
        seen.look(home)
        assert sum(one.is_jvm for one in drivers) == 1
        assert seen.twice == []
        since = time.monotonic()
        {"tether": launcher, "runner": runner, "supervisor": psutil.Process(supervisor.pid)}[victim].kill()
        is_gone(drivers, since)
        assert Held(python.parent).asked == 1, "killed without having been asked"
        wait_until(lambda: not is_alive(runner), GONE_SECONDS, "the runner's end")
    assert living(home) == []
