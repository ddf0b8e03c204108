"""The warm session's own process: a driver on the cluster that serves Spark Connect until it is told to end.

Submitted by the stack with the plugin that opens the port; this script keeps the house. Each second it ends the
sessions of processes that are gone, which cancels what they had running. Whenever nobody is left it drops what they
kept, so that memory is that of a fresh start; where it is not, or where a trivial query is no longer answered, it ends,
and the supervisor starts it again. So it does, once, when nobody has come for a while, where the class-data archive was
made after its JVM had started: a JVM that starts with it holds a third less for its classes, for as long as it lives.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from smart_logistics.lake.session import is_alive, open_session

_LOOK_SECONDS = 1.0
_PROBE_SECONDS, _PROBE_WITHIN_SECONDS = 30.0, 120.0
# Of the heap, still in use behind a collection when nobody is there.
_MOST_LEFT = 0.6
# So long nobody must have been there before it ends for the archive's sake: hourly runs leave as much between them.
_IDLE_SECONDS = 300.0
_SERVICE = "org.apache.spark.sql.connect.service.SparkConnectService$"


@dataclass
class Idle:
    """Whether it is time to start again, for the class-data ``archive``, which a JVM takes at its start or never.

    Attributes:
        archive: where it is or will be; None where there is never one.
        started: when the JVM was, in seconds since 1970.
        since: when somebody was there last, by the monotonic clock.
    """

    archive: Path | None
    started: float
    since: float

    def is_time(self, now: float) -> bool:
        """Return whether nobody has come for long and the archive came after the start; ``now`` as ``since``."""
        return now - self.since > _IDLE_SECONDS and self._came_later()

    def _came_later(self) -> bool:
        try:
            return self.archive is not None and self.archive.stat().st_ctime > self.started
        except FileNotFoundError:
            return False


class Keeper:
    """Looks after one server."""

    def __init__(self, spark: SparkSession, archive: Path | None) -> None:
        self._spark = spark
        self._jvm: Any = spark._jvm  # the server keeps its books in Scala
        started = self._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getStartTime() / 1000
        self._idle = Idle(archive, started, time.monotonic())
        self._sessions: Any = getattr(getattr(self._jvm, _SERVICE), "MODULE$").sessionManager()
        self._was_busy = False
        self._here: set[str] = set()
        self._is_well = True

    def owners(self) -> list[Any]:
        """Return the sessions there are, each with its ``userId``, which says whose process it is of."""
        found = self._sessions.listActiveSessions()
        return [found.apply(place) for place in range(found.size())]

    def look(self) -> str | None:
        """End what dead processes left; return why the server should end, None where it should not."""
        sessions = self.owners()
        here = {str(session.userId()) for session in sessions}
        for name in sorted(here - self._here):
            say(f"process {name} is here")
        self._here = here
        for session in sessions:
            if not is_alive(session.userId()):
                say(f"process {session.userId()} is gone: its session ends, and what it had running")
                self._sessions.closeSession(session.key(), False)
        if sessions:
            self._was_busy, self._idle.since = True, time.monotonic()
        elif self._was_busy:
            self._was_busy = False
            return self._tidy()
        elif self._idle.is_time(time.monotonic()):
            return "the class-data archive was made meanwhile, and nobody needs it now"
        return None if self._is_well else "a trivial query is no longer answered"

    def _tidy(self) -> str | None:
        self._spark.catalog.clearCache()
        self._jvm.System.gc()
        runtime = self._jvm.Runtime.getRuntime()
        left = (runtime.totalMemory() - runtime.freeMemory()) / runtime.maxMemory()
        say(f"nobody is here, {left:.0%} of the heap is in use")
        return f"{left:.0%} of the heap stay in use" if left > _MOST_LEFT else None

    def probe(self) -> None:
        """Ask for a trivial query again and again; note when it is not answered in time."""
        while self._is_well:
            done = threading.Event()
            threading.Thread(target=self._ask, args=(done,), daemon=True).start()
            self._is_well = done.wait(_PROBE_WITHIN_SECONDS)
            time.sleep(_PROBE_SECONDS)

    def _ask(self, done: threading.Event) -> None:
        if self._spark.range(1).count() == 1:
            done.set()


def say(what: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(f"warm session: {what}\n")
    sys.stderr.flush()


def main() -> None:
    """Serve until there is a reason not to, or the JVM is gone."""
    parent = os.getppid()
    keeper = Keeper(open_session("logistics.warm-session"), Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    threading.Thread(target=keeper.probe, daemon=True).start()
    say("ready")
    while os.getppid() == parent:
        if why := keeper.look():
            say(f"{why}: ends, to be started again")
            os._exit(1)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
