"""The second fence against two drivers of one task: a predecessor that still lives is ended before a new one starts.

The first fence, the tether, ends a driver with its task, whatever killed the task; but a driver that does not listen to
SIGTERM outlives a tether that is itself killed. Every process of a driver carries the task instance that it belongs to
in its environment, so that it is found however it came to be alone, on the machine on which it runs. A pid is never
taken from a file: psutil names a process by its pid and start, and signals no other one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

import psutil

from smart_logistics import processes

MARKER = "LOGISTICS_DRIVER_OF"
GRACE_SECONDS = 8.0
# Its JVM has gone, and closed what there was to close.
_OWN_GRACE_SECONDS = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Instance:
    """Whose driver it is: the stack (by its home), the DAG, the task, the run and the try."""

    home: str
    dag_id: str
    task_id: str
    run_id: str
    try_number: int

    def mark(self) -> dict[str, str]:
        """Return the variable that the driver is started with; nothing in it is secret."""
        return {MARKER: json.dumps(asdict(self))}

    def is_of_the_task(self, other: Instance) -> bool:
        """Return whether both are tries of one task of one stack, of whichever run."""
        return (self.home, self.dag_id, self.task_id) == (other.home, other.dag_id, other.task_id)


def living(task: Instance) -> list[tuple[psutil.Process, Instance]]:
    """Return the processes of drivers of the same task, of any run and try."""
    found = []
    for process in psutil.process_iter():
        try:
            text = process.environ().get(MARKER)
            if not text or process.status() == psutil.STATUS_ZOMBIE:
                continue
            whose = Instance(**json.loads(text))
        except (psutil.Error, ValueError, TypeError):  # gone meanwhile, another user's, or no mark of ours
            continue
        if whose.is_of_the_task(task):
            found.append((process, whose))
    return found


def end(task: Instance, is_running: Callable[[str], bool], *, grace: float = GRACE_SECONDS) -> int:
    """End the drivers that an earlier try of ``task`` left behind; return how many processes that were.

    SIGTERM first, so that Spark closes, SIGKILL after ``grace`` seconds. The driver of another run is a predecessor
    only where Airflow does not say that its task runs.

    Args:
        task: the try that is about to start a driver. It has none yet.
        is_running: tells of the same task in another run, by the run's id, whether it runs.
        grace: seconds.
    """
    found = living(task)
    others = {whose.run_id for _, whose in found} - {task.run_id}
    rightful = {run_id for run_id in others if is_running(run_id)}
    return _end([(process, whose) for process, whose in found if whose.run_id not in rightful], grace)


def end_own(task: Instance, *, grace: float = _OWN_GRACE_SECONDS) -> int:
    """End what is left of the driver of this very try, and return how many processes that were.

    Where the launcher is killed, the kernel ends the JVM, but a job's Python that is busy with itself does not notice.
    """
    return _end([(process, whose) for process, whose in living(task) if whose == task], grace)


def _end(found: list[tuple[psutil.Process, Instance]], grace: float) -> int:
    for process, whose in found:
        _log.warning(
            "a driver of try %d of run %s is still alive (pid %d) and is ended first",
            *(whose.try_number, whose.run_id, process.pid),
        )
    for process in processes.end([process for process, _ in found], grace):
        _log.warning("pid %d did not end within %g s and was killed", process.pid, grace)
    return len(found)
