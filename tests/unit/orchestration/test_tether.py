"""A driver never outlives who started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smart_logistics.jobs import tether

TETHER = [sys.executable, "-IS", tether.__file__]
# Writes its pid, and on SIGTERM that it closed properly.
DRIVER = "trap 'echo closed >> {0}.closed; exit 0' TERM; echo $$ > {0}; while :; do sleep 0.05; done"
STUBBORN = "trap '' TERM; echo $$ > {0}; while :; do sleep 0.05; done"


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def pid_in(path: Path) -> int:
    assert wait_until(lambda: path.exists() and path.read_text().strip())
    return int(path.read_text())


def tethered(*command: str) -> list[str]:
    return [*TETHER, str(os.getpid()), *command]


@pytest.mark.parametrize("code", [0, 1, 20, 40])
def test_the_exit_code_of_the_command_is_its_own(code: int) -> None:
    assert subprocess.run(tethered("sh", "-c", f"exit {code}"), check=False).returncode == code


def test_a_command_that_was_killed_says_by_which_signal() -> None:
    assert subprocess.run(tethered("sh", "-c", "kill -9 $$"), check=False).returncode == 128 + signal.SIGKILL


def test_output_comes_through() -> None:
    done = subprocess.run(tethered("sh", "-c", "echo out; echo err >&2"), check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_the_driver_closes_properly_when_its_task_is_killed_hard(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    # The task: a shell that starts the tether as its child, and is then killed without a chance to clean up.
    script = f'{" ".join(TETHER)} $$ bash -c "$0" & wait'
    with subprocess.Popen(["bash", "-c", script, DRIVER.format(mark)]) as task:
        driver = pid_in(mark)
        task.kill()
    assert wait_until(lambda: not is_alive(driver), 2.0)
    assert Path(f"{mark}.closed").read_text() == "closed\n"


def test_a_driver_whose_tether_is_killed_ends_too(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with subprocess.Popen(tethered("bash", "-c", DRIVER.format(mark))) as process:
        driver = pid_in(mark)
        process.kill()
    assert wait_until(lambda: not is_alive(driver), 2.0)


def test_a_driver_that_does_not_listen_is_killed_also_where_all_of_the_tasks_group_was_killed_before(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "pid"
    # Airflow asks a task's whole process group to end and kills that group five seconds later.
    script = f'{" ".join(TETHER)} $$ bash -c "$0" & wait'
    with subprocess.Popen(["bash", "-c", script, STUBBORN.format(mark)], start_new_session=True) as task:
        driver = pid_in(mark)
        os.killpg(task.pid, signal.SIGTERM)
        os.killpg(task.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(driver), tether.GRACE_SECONDS + 2)


def test_who_asked_for_it_is_told_to_end_when_its_parent_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = (
        "import os, signal, pathlib; from smart_logistics.jobs import tether; tether.die_with_parent(os.getppid());"
        f"pathlib.Path('{mark}').write_text(str(os.getpid())); signal.pause()"
    )
    with subprocess.Popen(["bash", "-c", f'{sys.executable} -c "$0" & wait', child]) as parent:
        told = pid_in(mark)
        parent.kill()
    assert wait_until(lambda: not is_alive(told), 2.0)


def test_a_driver_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with subprocess.Popen(tethered("bash", "-c", STUBBORN.format(mark))) as process:
        driver = pid_in(mark)
        asked = time.monotonic()
        process.terminate()
        assert process.wait(timeout=10) == 128 + signal.SIGTERM
    assert time.monotonic() - asked >= tether.GRACE_SECONDS - 0.5
    assert not is_alive(driver)


def test_what_the_driver_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    subprocess.run(tethered("bash", "-c", f"sleep 60 & echo $! > {mark}; exit 0"), check=True)
    assert not is_alive(pid_in(mark))
