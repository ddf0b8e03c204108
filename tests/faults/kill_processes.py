"""The processes of a submitted job: found by a mark in their environment, killed by kind, and seen to be gone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

# The tether asks first and kills after a grace of six seconds; on a busy machine all of it takes longer.
GONE_WITHIN_SECONDS = 20.0
_JOB_SECONDS = 400.0


@dataclass
class Processes:
    """A tether and what it started: the JVM, the job's Python, their workers."""

    tether: subprocess.Popen[bytes]
    mark: str
    script: str
    output: Path

    MARK: ClassVar[str] = "FAULTS_MARK"

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def alive(self) -> list[int]:
        """Return the pids that carry the mark, the tether's own not among them."""
        wanted = f"{self.MARK}={self.mark}".encode()
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if path.parent.name != str(self.tether.pid) and wanted in _bytes(path).split(b"\0")
        ]

    def jvm(self) -> int | None:
        return next((pid for pid in self.alive() if _arguments(pid)[0].endswith(b"java")), None)

    def python(self) -> int | None:
        script = self.script.encode()
        return next(
            (pid for pid in self.alive() if b"python" in _arguments(pid)[0] and script in _arguments(pid)[1:3]), None
        )

    def kill(self, kind: str) -> bool:
        """Kill from outside; False where that process is not there (yet, or any more)."""
        pid = {"kill-python": self.python, "kill-jvm": self.jvm, "kill-group": self.jvm}.get(kind, self._tether)()
        if pid is None:
            return False
        how: Callable[[int, int], None] = os.kill if kind != "kill-group" else lambda p, s: os.killpg(os.getpgid(p), s)
        try:
            how(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _tether(self) -> int | None:
        return self.tether.pid if self.tether.poll() is None else None

    def wait(self, seconds: float = _JOB_SECONDS) -> int:
        return self.tether.wait(seconds)

    def seconds_until_gone(self) -> float:
        """Wait until nothing of the job lives and return how long that took."""
        began = time.monotonic()
        while self.tether.poll() is None or self.alive():
            waited = time.monotonic() - began
            assert waited < GONE_WITHIN_SECONDS, f"still there: {[_arguments(pid)[:3] for pid in self.alive()]}"
            time.sleep(0.05)
        return time.monotonic() - began

    def end(self) -> None:
        if self.tether.poll() is None:
            self.tether.terminate()
            self.tether.wait()
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _arguments(pid: int) -> list[bytes]:
    return _bytes(Path(f"/proc/{pid}/cmdline")).split(b"\0")
