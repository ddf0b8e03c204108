"""Kernel locks of the lakehouse on local storage, where Delta alone cannot keep two writers apart.

Two JVMs that commit the same version through Delta's store for local files can both be told that they won. So each
writer holds ``flock`` on one file for the table (or job) it writes. The kernel frees a lock when its process dies, but
the committer is the JVM beside that Python process and may live a moment longer: the holder writes down that JVM, and
whoever takes the lock over waits until it is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smart_logistics.errors import LakeUnavailable, LockHeld

_POLL_SECONDS = 0.1


def of(lakehouse: str, name: str) -> Path:
    """Return the lock of a table (``layer.name``) or a job (``job.name``) of a lakehouse."""
    return Path(lakehouse) / "_locks" / f"{name}.lock"


def _started(pid: int) -> str | None:
    """Return the kernel's start time of a live process, which tells it from a later one of the same number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return None if fields[0] in "ZX" else fields[19]


def committer() -> int:
    """Return the process that commits for this one: the JVM that spark-submit started us from, else this process."""
    return os.getppid() if "PYSPARK_GATEWAY_PORT" in os.environ else os.getpid()


def _wait(why: str, deadline: float, path: Path) -> None:
    if time.monotonic() > deadline:
        raise LockHeld(f"{path.name} is held: {why}", remedy="wait for the other run, or end it, and run again")
    time.sleep(_POLL_SECONDS)


def _wait_until_dead(record: str, deadline: float, path: Path) -> None:
    try:
        holder = json.loads(record)
    except ValueError:
        return  # nothing, or cut off by a crash before the holder had the lock
    pid, started = int(holder["pid"]), holder["started"]
    if started is None:
        return  # it was dead before its Python had the lock
    while pid not in (os.getpid(), committer()) and _started(pid) == started:
        _wait(f"its last holder died, but the JVM {pid} beside it still runs", deadline, path)


def _write_down(handle: int) -> None:
    """Record who commits under the lock. A JVM that was just killed keeps its number until its threads have ended."""
    pid = committer()
    started = _started(pid)
    if started is None:
        raise LakeUnavailable(
            "the driver's JVM is gone", remedy="see the task's log; the retry continues from where it was"
        )
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps({"pid": pid, "started": started}).encode(), 0)


@contextmanager
def hold(path: Path, *, wait_seconds: float = 60.0, shared: bool = False) -> Iterator[None]:
    """Hold the lock at ``path``; exclusively, or together with other readers.

    Raises:
        LockHeld: someone else holds it, or a dead holder's JVM lives, for longer than ``wait_seconds``.
        LakeUnavailable: our own JVM is dead: what is written from here on nobody would answer for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _wait("another process writes there", deadline, path)
        _wait_until_dead(os.pread(handle, 4096, 0).decode(errors="replace"), deadline, path)
        if not shared:
            _write_down(handle)
        yield
        if not shared:
            # A clean end: the JVM has answered, nothing of ours is under way. After an error something may be.
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)
