"""Whether the memory of the warm session grows: the six jobs of an hour on one server, run after run.

The jobs of a run go side by side as in the DAG, each submitted by ``logistics job``; the DAG itself is paused. After
each run, when nobody is there any more and the server has tidied up, it is asked how much of its heap is in use, and
the memory (PSS) of its two JVMs is weighed. Every job must really have been on the server, and the server be the same
to the end.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.hourly_run import Hour
from benchmarks.stack import Stack, known, of_its_own
from benchmarks.watch import descendants, pss
from smart_logistics.cli.run import DAG_ID
from smart_logistics.jobs import catalog, warm
from smart_logistics.stack.spark import SESSION
from smart_logistics.stack.supervise import Supervisor

# What needs nothing of each other runs at once.
_STEPS: tuple[tuple[catalog.Job, ...], ...] = (
    (catalog.BRONZE_INGEST_SQL, catalog.BRONZE_INGEST_IOT),
    (catalog.SILVER_TRANSACTIONAL, catalog.SILVER_IOT),
    (catalog.GOLD_AGGREGATE,),
    (catalog.DATA_QUALITY_CHECK,),
)
_FILES, _SHIPMENTS = 6, 10
_TIDY_SECONDS = 60.0


@dataclass(frozen=True)
class After:
    """What a run left: how long it took, the heap in use in per cent, the session's memory in MB, and its strays.

    A stray is a job that had a driver of its own.
    """

    seconds: float
    heap: int
    megabytes: float
    strays: int


class Session:
    """The warm session of a stack, seen from outside."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._log = stack, stack.home.log(SESSION)
        self.pid = self.current()

    def current(self) -> int:
        """Return the pid of the server as it is now."""
        return self._pid_of(SESSION)

    def _pid_of(self, service: str) -> int:
        return int(Supervisor(self._stack.home).processes()[service]["pid"])

    def heaps(self) -> list[int]:
        """Return what it said each time that nobody was there any more, in per cent."""
        return [int(found) for found in self._said(r"nobody is here, (\d+)% of the heap")]

    def _said(self, pattern: str) -> list[str]:
        return re.findall(pattern, self._log.read_text(encoding="utf-8", errors="replace"))

    def megabytes(self) -> float:
        """Return the memory of server and executor; the executor is the worker's child."""
        worker = self._pid_of("spark-worker")
        family = descendants([self.pid]) | (descendants([worker]) - {worker})
        return sum(pss(pid) for pid in family) / 1e6


def one_run(stack: Stack, session: Session, hour: Hour) -> After:
    """Let an hour come and run its jobs; return what that left, once the server has tidied up."""
    hour.bring()
    tidied, began = len(session.heaps()), time.monotonic()
    told: list[str] = []
    for step in _STEPS:
        with ThreadPoolExecutor(len(step)) as pool:
            told += pool.map(lambda job: stack.told_by("job", job.name), step)
    seconds = time.monotonic() - began
    end = time.monotonic() + _TIDY_SECONDS
    time.sleep(2)
    while len(session.heaps()) == tidied:
        if time.monotonic() > end:
            raise RuntimeError("the session did not tidy up")
        time.sleep(0.2)
    return After(seconds, session.heaps()[-1], session.megabytes(), sum(warm.OWN_DRIVER in one for one in told))


def report(found: Sequence[After]) -> str:
    """Return medians of ten runs each as a table."""
    lines = ["| runs | seconds | heap in use, % | server and executor, MB |", "| --- | --- | --- | --- |"]
    for first in range(0, len(found), 10):
        part = found[first : first + 10]
        columns = ([one.seconds for one in part], [one.heap for one in part], [one.megabytes for one in part])
        cells = [f"{first + 1}–{first + len(part)}", *(f"{statistics.median(column):.0f}" for column in columns)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run; print the table; 1 where the server was not the same to the end, or not everybody was on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    wanted = parser.parse_args()
    with of_its_own() as stack:
        stack.must("up")
        stack.must("seed")
        with stack.api() as api:
            known(api)
            api.request("PATCH", f"/dags/{DAG_ID}", json={"is_paused": True})
        session, hour, found = Session(stack), Hour(stack, files=_FILES, shipments=_SHIPMENTS), list[After]()
        for number in range(wanted.runs):
            found.append(one_run(stack, session, hour))
            sys.stderr.write(f"  run {number + 1}: {found[-1]}\n")
        print(report(found))
        jobs, strays = wanted.runs * sum(map(len, _STEPS)), sum(one.strays for one in found)
        stayed = session.current() == session.pid
        print(f"{jobs - strays} of {jobs} jobs were on the server, which {'stayed' if stayed else 'did not stay'}")
        return 0 if stayed and not strays else 1


if __name__ == "__main__":
    sys.exit(main())
