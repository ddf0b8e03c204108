"""The drivers of a stack as the machine shows them: whose they are, and whether two of one task ever live at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from smart_logistics.orchestration.predecessor import MARKER
from tests.e2e.stack import Stack

# A driver is gone so soon after its task died, whatever the task died of.
GONE_SECONDS = 10.0
_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Driver:
    """One process of a driver: its launcher, its JVM or its Python; and the try of the task that it belongs to."""

    process: psutil.Process
    task_id: str
    run_id: str
    try_number: int
    words: tuple[str, ...] = field(compare=False)

    @property
    def is_jvm(self) -> bool:
        """Whether it is the JVM itself, and not the short one that puts its command together."""
        return "org.apache.spark.deploy.SparkSubmit" in self.words and not any("launcher.Main" in w for w in self.words)

    @property
    def is_tether(self) -> bool:
        return any(word.endswith("tether.py") for word in self.words)


def living(stack: Stack, task_id: str | None = None) -> list[Driver]:
    """Return the live processes of drivers of the stack, of one task or all."""
    found = []
    for process in psutil.process_iter():
        try:
            text = process.environ().get(MARKER)
            if not text or process.status() == psutil.STATUS_ZOMBIE:
                continue
            words = tuple(process.cmdline())
        except psutil.Error:  # gone meanwhile
            continue
        whose = json.loads(text)
        if whose["home"] == str(stack.home) and task_id in (None, whose["task_id"]):
            found.append(Driver(process, whose["task_id"], whose["run_id"], whose["try_number"], words))
    return found


def orphans(stack: Stack) -> list[Driver]:
    """Return the tethers of the live drivers whose task's process is gone: another has taken its place as a parent."""
    return [one for one in living(stack) if one.is_tether and one.process.ppid() == 1]


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what is true, once it is."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


def is_alive(process: psutil.Process) -> bool:
    """Whether it does anything; who is dead and not yet buried does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_gone(drivers: list[Driver], since: float) -> None:
    """See that all of them are gone within the ten seconds since a moment of ``time.monotonic``."""
    while alive := [one for one in drivers if is_alive(one.process)]:
        assert time.monotonic() < since + GONE_SECONDS, f"still there after {GONE_SECONDS} s: {alive}"
        time.sleep(0.05)


@dataclass
class Sampled:
    """What was seen: tries that lived at once although they are of one task."""

    looks: int = 0
    tasks: set[str] = field(default_factory=set)
    twice: list[str] = field(default_factory=list)

    def look(self, stack: Stack) -> None:
        tries: dict[str, set[tuple[str, int]]] = {}
        found = living(stack)
        machines = _machines(found)
        for one in found:
            tries.setdefault(one.task_id, set()).add((one.run_id, one.try_number))
        self.looks += 1
        self.tasks |= tries.keys()
        self.twice += [f"{task}: {sorted(those)}" for task, those in tries.items() if len(those) > 1]
        self.twice += [f"{task}: {count} JVMs" for task, count in machines.items() if count > 1]


def _machines(found: list[Driver]) -> dict[str, int]:
    """Return how many JVMs each task has. One that starts a process looks like two until that has begun its program."""
    jvms = {one.process.pid: one for one in found if one.is_jvm}
    number: dict[str, int] = {}
    for one in jvms.values():
        with suppress(psutil.NoSuchProcess):
            number[one.task_id] = number.get(one.task_id, 0) + (one.process.ppid() not in jvms)
    return number


@contextmanager
def never_two_at_once(stack: Stack) -> Iterator[Sampled]:
    """Look five times a second while the block runs; at its end, see that no task ever had two drivers."""
    seen, stop = Sampled(), threading.Event()

    def watch() -> None:
        while not stop.wait(_EVERY_SECONDS):
            seen.look(stack)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert seen.looks > 5
    assert seen.tasks, "no driver was ever seen"
    assert not seen.twice, sorted(set(seen.twice))
