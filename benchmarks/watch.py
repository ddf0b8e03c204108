"""What processes hold and which of them are Spark drivers, from /proc: by descent from a process, so none is missed.

Memory is the proportional set (PSS): a page that several processes share is counted once. A driver is there from the
start of its process, or from when it was last seen to be another program, until the kernel tells of its end.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc")
_LOOK_SECONDS, _WEIGH_SECONDS = 0.2, 1.0
_GONE = (FileNotFoundError, ProcessLookupError)
_SUBMIT, _LAUNCHER = "org.apache.spark.deploy.SparkSubmit", "org.apache.spark.launcher.Main"
Interval = tuple[float, float]


@dataclass
class Seen:
    """What was seen: the greatest memory in bytes, and when each driver was there, in seconds since 1970."""

    peak_bytes: int = 0
    drivers: dict[int, Interval] = field(default_factory=dict)

    def drivers_missing(self, began: float, ended: float) -> float:
        """Return for how many seconds of a span no driver was alive."""
        return (ended - began) - covered(self.drivers.values(), began, ended)


def covered(intervals: Iterable[Interval], began: float, ended: float) -> float:
    """Return how many seconds of a span lie in at least one of the intervals."""
    total, reached = 0.0, began
    for start, end in sorted(intervals):
        first, last = max(start, reached), min(end, ended)
        if last > first:
            total += last - first
            reached = last
    return total


def is_driver(words: Sequence[str], scripts: Collection[str]) -> bool:
    """Whether a command is a Spark driver that runs one of ``scripts``: its JVM, or its Python.

    What only launches one is none: the tether, the shell script, and the JVM that puts the command together.
    """
    if not words:
        return False
    program = words[0].rpartition("/")[2]
    if program == "java":
        is_submit = _SUBMIT in words and _LAUNCHER not in words
        return is_submit and any(word in scripts for word in words)
    return program.startswith("python") and len(words) > 1 and words[1] in scripts


@contextmanager
def watching(roots: Collection[int], scripts: Collection[str]) -> Iterator[Seen]:
    """Watch the processes ``roots`` and all that descend from them, until the end of the block."""
    seen, stop = Seen(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(_weigh, roots, seen, stop), pool.submit(_follow, roots, scripts, seen, stop)]
        try:
            yield seen
        finally:
            stop.set()
    for watcher in watchers:
        watcher.result()


def _weigh(roots: Collection[int], seen: Seen, stop: threading.Event) -> None:
    while not stop.is_set():
        seen.peak_bytes = max(seen.peak_bytes, sum(pss(pid) for pid in descendants(roots)))
        stop.wait(_WEIGH_SECONDS)


def _follow(roots: Collection[int], scripts: Collection[str], seen: Seen, stop: threading.Event) -> None:
    ends, pids = select.poll(), dict[int, int]()
    looked = time.time()
    while not stop.is_set():
        before, looked = looked, time.time()
        for pid in descendants(roots) - seen.drivers.keys():
            if is_driver(_words(pid), scripts):
                with suppress(*_GONE):
                    started = _started(pid)
                    handle = os.pidfd_open(pid)
                    seen.drivers[pid] = (max(before, started), looked)
                    ends.register(handle, select.POLLIN)
                    pids[handle] = pid
        for handle, _ in ends.poll(_LOOK_SECONDS * 1000):
            _is_there(seen, pids.pop(handle))
            ends.unregister(handle)
            os.close(handle)
        for pid in pids.values():
            _is_there(seen, pid)
    for handle in pids:
        os.close(handle)


def _is_there(seen: Seen, pid: int) -> None:
    seen.drivers[pid] = (seen.drivers[pid][0], time.time())


def _stat(pid: int | str) -> list[bytes]:
    """Return what the kernel says of a process behind its command's name, which may hold anything."""
    return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()


def _started(pid: int) -> float:
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age


def descendants(roots: Collection[int]) -> set[int]:
    """Return the processes and all that descend from them now."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(*_GONE):
                children[int(_stat(entry.name)[1])].append(int(entry.name))
    found, waiting = set(), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def _words(pid: int) -> list[str]:
    with suppress(*_GONE):
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def pss(pid: int) -> int:
    """Return the memory of a process in bytes, its share of what several hold; 0 if it is gone."""
    with suppress(*_GONE):
        for line in (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0
