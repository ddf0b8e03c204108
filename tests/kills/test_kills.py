"""Any part of the running stack is killed in the middle of a run: it ends well, or the next one does, and once told.

What is killed comes back by itself. Never do two drivers of one job run at once, and none outlives its task.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from smart_logistics import settings
from smart_logistics.jobs.catalog import JOBS
from smart_logistics.stack.connections import source_dsn
from tests.e2e.lake import agrees_with_the_oracle
from tests.e2e.mailbox import Mailbox
from tests.e2e.stack import CONSOLE, Stack, processes

SERVICES = (
    "airflow-scheduler",
    "airflow-triggerer",
    "airflow-dag-processor",
    "airflow-api",
    "postgres",
    "spark-worker",
    "spark-master",
)
GONE_SECONDS = 10.0


def drivers(stack: Stack, job: str | None = None) -> list[psutil.Process]:
    """Return the live Python drivers of the stack, of one job or all."""
    scripts = {f"{name}.py" for name in JOBS if job in (None, name)}
    found = []
    for process in processes(stack):
        try:
            words = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if len(words) > 1 and "python" in Path(words[0]).name and Path(words[1]).name in scripts:
            found.append(process)
    return found


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


def news(stack: Stack, mark: str) -> None:
    """Give every job of the next run something to do."""
    dsn = source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE logistics.customers SET city = %s, updated_at = now() WHERE customer_id = 1", (mark,)
        )
        plate = connection.execute(
            "SELECT license_plate FROM logistics.vehicles ORDER BY vehicle_id LIMIT 1"
        ).fetchone()
    assert plate is not None
    record = {"truck_id": plate[0], "timestamp": f"2026-11-01T00:{mark}:00Z", "temperature": 5.0}
    (stack.home / "landing" / f"iot_telemetry_20261101_00{mark}00_kill.json").write_text(json.dumps(record))


@contextmanager
def watched(stack: Stack) -> Iterator[Counter[str]]:
    """Count, while the block runs, how many drivers of one job were ever seen at once."""
    most: Counter[str] = Counter()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            now: Counter[str] = Counter()
            for process in drivers(stack):
                try:
                    now[Path(process.cmdline()[1]).stem] += 1
                except (psutil.NoSuchProcess, IndexError):
                    continue
            for job, count in now.items():
                most[job] = max(most[job], count)
            time.sleep(0.2)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()


def started(stack: Stack) -> subprocess.Popen[str]:
    """Start a run and return the command that waits for it."""
    words = [str(CONSOLE), "run", "--json", "--timeout", "900"]
    return subprocess.Popen(
        words, env=stack.environment, cwd=stack.home.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pids(stack: Stack) -> dict[str, int]:
    services = json.loads(stack.call("status", "--json").stdout)
    return {one["name"]: one["pid"] for one in services["services"] if one["pid"]}


def ended(stack: Stack, command: subprocess.Popen[str]) -> str:
    """Return the state in which a run ended, whoever had to be asked."""
    out, _ = command.communicate(timeout=1000)
    if command.returncode in (0, 1) and out.strip():
        return str(json.loads(out)["state"])
    return "unknown"


def incidents(mailbox: Mailbox) -> list[str]:
    """Return the subjects of mails about failures and their ends; digests of warnings are no incidents."""
    return [subject for subject in mailbox.subjects() if "warning(s)" not in subject]


def converges(stack: Stack, mailbox: Mailbox, state: str, told: int) -> None:
    """The run ended well; or it failed, was told once, and the next one ends well and says so."""
    if state != "success":
        wait_until(lambda: len(incidents(mailbox)) > told, 60, "an alert")
        assert stack.run()["state"] == "success"
        wait_until(lambda: "well again" in incidents(mailbox)[-1], 60, "the end of the incident")
        assert len(incidents(mailbox)) == told + 2, incidents(mailbox)[told:]
    else:
        assert len(incidents(mailbox)) == told, incidents(mailbox)[told:]


@pytest.mark.parametrize(("number", "victim"), enumerate(SERVICES))
def test_a_service_is_killed_in_mid_run(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], number: int, victim: str
) -> None:
    news(stack, f"{number:02}")
    told = len(incidents(mailbox))
    with watched(stack) as most:
        command = started(stack)
        wait_until(lambda: drivers(stack, "silver_transactional"), 300, "a driver of silver_transactional")
        psutil.Process(pids(stack)[victim]).kill()
        state = ended(stack, command)
    stack.must("up")
    converges(stack, mailbox, state, told)
    assert max(most.values()) == 1, most
    agrees_with_the_oracle(stack, capsys)


@pytest.mark.parametrize(("number", "above"), [(10, 0), (11, 1), (12, 2)], ids=["tether", "runner", "supervisor"])
def test_what_runs_a_task_is_killed_and_its_driver_is_gone(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], number: int, above: int
) -> None:
    news(stack, f"{number:02}")
    told = len(incidents(mailbox))
    with watched(stack) as most:
        command = started(stack)
        (driver,) = wait_until(lambda: drivers(stack, "gold_aggregate"), 400, "a driver of gold_aggregate")
        family = [one for one in driver.parents() if "tether.py" in " ".join(one.cmdline())]
        victim = family[-1]
        for _ in range(above):
            parent = victim.parent()
            assert parent is not None
            victim = parent
        tree = [driver, *driver.parents()[:2]]
        victim.kill()
        _, alive = psutil.wait_procs([one for one in tree if one.pid != victim.pid][:2], timeout=GONE_SECONDS)
        assert not alive, f"still there after {GONE_SECONDS} s: {alive}"
        state = ended(stack, command)
    converges(stack, mailbox, state, told)
    assert max(most.values()) == 1, most
    agrees_with_the_oracle(stack, capsys)
