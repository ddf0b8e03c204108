"""The warm session's own process: a driver on the cluster that serves Spark Connect until it is told to end.

Submitted by the stack with the plugin that opens the port; this script keeps the house. Each second it ends the
sessions of processes that are gone, which cancels what they had running. Whenever nobody is left it drops what they
kept, so that memory is that of a fresh start; where it is not, or where a trivial query is no longer answered, it ends,
and the supervisor starts it again.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from pyspark.sql import SparkSession

from smart_logistics.lake.session import is_alive, open_session

_LOOK_SECONDS = 1.0
_PROBE_SECONDS, _PROBE_WITHIN_SECONDS = 30.0, 120.0
# Of the heap, still in use behind a collection when nobody is there.
_MOST_LEFT = 0.6
_SERVICE = "org.apache.spark.sql.connect.service.SparkConnectService$"


class Keeper:
    """Looks after one server."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm: Any = spark._jvm  # the server keeps its books in Scala
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
            self._was_busy = True
        elif self._was_busy:
            self._was_busy = False
            return self._tidy()
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
    keeper = Keeper(open_session("logistics.warm-session"))
    threading.Thread(target=keeper.probe, daemon=True).start()
    say("ready")
    while os.getppid() == parent:
        if why := keeper.look():
            say(f"{why}: ends, to be started again")
            os._exit(1)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
