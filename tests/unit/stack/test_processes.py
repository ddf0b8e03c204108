"""Real processes: what is started dies with its supervisor, what is left is found, what died halfway is undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from smart_logistics.errors import EnvironmentFault
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, lifecycle, ports
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.plan import Plan
from smart_logistics.stack.program import MARKER, Program, launched, run
from smart_logistics.stack.supervise import Guard, Supervisor, configure
from smart_logistics.stack.sweep import leftovers, sweep

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's death signal is Linux's")


def until(true: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def sleeper(home: Home) -> Program:
    return Program("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), {"TEXT": 'a "b" 100 % \\ c, d'})


def start(home: Home, programs: list[Program]) -> tuple[Guard, Supervisor]:
    configure(home, programs)
    guard, supervisor = Guard(home, dict(os.environ)), Supervisor(home)
    guard.wait_for_supervisor(supervisor, home)
    for program in programs:
        supervisor.start(program.name)
    assert until(lambda: all(info["pid"] for info in supervisor.processes().values()))
    return guard, supervisor


@LINUX
def test_a_launched_program_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    words = [*launched("TERM"), "sleep", "600"]
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, time; subprocess.Popen({words!r}); time.sleep(600)"]
    )
    above = psutil.Process(parent.pid)
    assert until(lambda: any(child.name() == "sleep" for child in above.children()))
    child = above.children()[0]
    parent.kill()
    parent.wait()
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_programs_get_their_environment_whatever_is_in_it_and_stay_when_up_is_done(home: Home) -> None:
    guard, supervisor = start(home, [sleeper(home)])
    try:
        guard.release()
        pid = supervisor.processes()["sleeper"]["pid"]
        assert until(lambda: "TEXT" in psutil.Process(pid).environ())  # it has replaced its launcher
        found = psutil.Process(pid).environ()
        assert found["TEXT"] == 'a "b" 100 % \\ c, d'
        assert found[MARKER] == str(home.root)
    finally:
        supervisor.shut_down(20)
    assert leftovers(home) == []


def test_what_a_failed_start_began_is_taken_down(home: Home) -> None:
    guard, _ = start(home, [sleeper(home)])
    assert leftovers(home)
    guard.undo()
    assert leftovers(home) == []


def test_a_service_that_runs_and_does_not_answer_is_named_with_its_log(
    given: Settings, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_HEALTHY_WITHIN", 0.5)
    name = airflow.LOG_SERVER
    guard, supervisor = start(home, [Program(name, ("sleep", "600"))])
    try:
        plan = Plan(given, home, ports.choose(given, home), Java(Path("/java"), 17, "a test"), {})
        with pytest.raises(EnvironmentFault, match=rf"{name} is not healthy after 0 s: .*refused") as caught:
            lifecycle._await(plan, supervisor, [name], lambda _: None)
    finally:
        guard.undo()
    assert str(home.log(name)) in caught.value.remedy
    assert leftovers(home) == []


def test_killing_up_halfway_leaves_nothing_running(home: Home) -> None:
    configure(home, [sleeper(home)])
    code = (
        "import os, sys, time; from pathlib import Path; from smart_logistics.stack.home import Home\n"
        "from smart_logistics.stack.supervise import Guard, Supervisor\n"
        f"home = Home(Path({str(home.root)!r}), Path({str(home.landing)!r}))\n"
        "guard, supervisor = Guard(home, dict(os.environ)), Supervisor(home)\n"
        "guard.wait_for_supervisor(supervisor, home); supervisor.start('sleeper'); time.sleep(600)"
    )
    up = subprocess.Popen([sys.executable, "-c", code])
    assert until(lambda: any("time.sleep" in " ".join(one.cmdline()) for one in leftovers(home)))
    up.send_signal(signal.SIGKILL)
    up.wait()
    assert until(lambda: leftovers(home) == [])


def test_what_may_wait_stands_behind_the_others(home: Home) -> None:
    behind = replace(sleeper(home), niceness=7)
    guard, supervisor = start(home, [behind])
    try:
        pid = supervisor.processes()[behind.name]["pid"]
        assert until(lambda: psutil.Process(pid).nice() == min(19, psutil.Process().nice() + 7))
    finally:
        guard.undo()


@LINUX
def test_programs_do_not_outlive_a_killed_supervisor(home: Home) -> None:
    guard, supervisor = start(home, [sleeper(home)])
    guard.release()
    pid = supervisor.pid()
    assert pid is not None
    psutil.Process(pid).kill()
    assert until(lambda: leftovers(home) == [])


def test_a_changed_program_is_started_anew_and_the_others_are_left_alone(home: Home) -> None:
    steady = Program("steady", ("sleep", "600"))
    guard, supervisor = start(home, [steady, sleeper(home)])
    try:
        guard.release()
        before = supervisor.processes()["steady"]["pid"]
        changed = supervisor.adopt(home, [steady, Program("sleeper", ("sleep", "601"))])
        assert changed == ["sleeper"]
        assert supervisor.processes()["steady"]["pid"] == before
        assert supervisor.processes()["sleeper"]["statename"] == "STOPPED"
    finally:
        supervisor.shut_down(20)


def test_the_sweep_ends_what_carries_the_mark_and_nothing_else(home: Home) -> None:
    ours = subprocess.Popen(["sleep", "600"], env={**os.environ, MARKER: str(home.root)})
    theirs = subprocess.Popen(["sleep", "600"], env={**os.environ, MARKER: str(home.root) + "2"})
    try:
        assert sweep(home) == 1
        assert ours.poll() is not None
        assert theirs.poll() is None
    finally:
        theirs.kill()
        theirs.wait()


def test_a_failed_command_is_one_line_and_all_of_its_output_is_in_the_log(home: Home) -> None:
    with pytest.raises(EnvironmentFault, match="trying failed: the reason"):
        run(
            ["sh", "-c", "echo something; echo the reason; exit 3"],
            what="trying",
            home=home,
            environment=dict(os.environ),
            remedy="do better",
        )
    assert "something\nthe reason" in home.log("setup").read_text()
