"""Named points between the steps of the jobs, where a test kills the process, makes it fail or makes it wait.

They are switched by one environment variable and off without it: ``reached`` is then one look at an empty tuple. That
variable is a developers' switch and no setting: nobody who runs the pipeline has a use for it, and a setting would be
shown in Airflow. Standard library only, known to every room of the package.

``LOGISTICS_FAILPOINTS`` is a list, separated by commas, of ``POINT[@WHERE][:N]=ACTION``: at the N-th time (default 1)
that the job comes to the point (there: a table's or source table's name), it does the action, once. ``*`` is any point.
What was met is told on stderr, or where ``LOGISTICS_FAILPOINTS_LOG`` names a file, there: a driver's stderr passes
through its JVM, which may be what is killed.
"""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smart_logistics.errors import ConfigurationError, LakeUnavailable

VARIABLE, LOG_VARIABLE = "LOGISTICS_FAILPOINTS", "LOGISTICS_FAILPOINTS_LOG"
KILLS = ("kill-python", "kill-jvm", "kill-group")
ACTIONS = (*KILLS, "fail", "wait-SECONDS", "tell")

# What is behind the job where it comes to the point. Those of ``table`` belong to every write of every job.
POINTS: Mapping[str, str] = {
    "bronze_ingest_iot.planned": "the manifest is written, no file is claimed",
    "bronze_ingest_iot.claimed": "one more file is claimed",
    "bronze_ingest_iot.judged": "the files are hashed and parsed, nothing is sealed",
    "bronze_ingest_iot.sealed": "what becomes of each file is sealed, nothing is committed",
    "bronze_ingest_iot.committed": "records, dead letters and log are committed, no file is put away",
    "bronze_ingest_iot.linked": "a file lies in its last place and still in its batch",
    "bronze_ingest_iot.moved": "one more file is put away",
    "bronze_ingest_iot.put_away": "all files are put away, the batch's folder is there",
    "bronze_ingest_sql.looked": "the snapshot is taken, the rows that may be new are counted",
    "bronze_ingest_sql.compared": "the keys are compared",
    "bronze_ingest_sql.taken": "one more table's versions are appended",
    "bronze_ingest_sql.extracted": "all tables' versions are appended",
    "bronze_ingest_sql.deletes_recorded": "the delete facts are appended, the fences are old",
    "bronze_ingest_sql.fences_kept": "the fences are new",
    "silver_transactional.judged": "a table's versions are judged, nothing is recorded",
    "silver_transactional.rejected": "a table's rejections are recorded, no older letter is closed",
    "silver_transactional.recorded": "its superseded letters are closed, the Silver table is old",
    "silver_transactional.merged": "the Silver table is new, letters of orphans that came in are open",
    "silver_transactional.closed": "those letters are closed, that orphans were looked at is not said",
    "silver_transactional.finished": "a table is done",
    "silver_iot.judged": "the records are judged, nothing is recorded",
    "silver_iot.recorded": "the rejections are recorded",
    "silver_iot.flagged": "the neighbours' flags are changed, the readings are not there",
    "silver_iot.added": "the readings are there",
    "gold_aggregate.announced": "it is said that all is computed anew with another hold time",
    "gold_aggregate.computed": "what is affected is known, nothing is merged",
    "gold_aggregate.fleet_daily": "the trucks' figures are merged, those of the routes and all else in Gold is old",
    "gold_aggregate.route_daily": "the routes' figures are merged, excursions and shipments are old",
    "gold_aggregate.excursions": "the excursions are merged, the shipments are old",
    "gold_aggregate.analytics": "the shipments are merged",
    "data_quality_check.measured": "the checks are made, nothing is recorded",
    "data_quality_check.recorded": "the results are recorded, the verdict is not given",
    "full_audit.recorded": "the results are recorded, the verdict is not given",
    "table.locked": "the table's lock is held, nothing is written",
    "table.committed": "the commit is there, not synced to the disk, the lock is held",
    "table.released": "the commit is on the disk, the lock is free",
}
_SHAPE = re.compile(r"(?P<point>[a-z_.*]+)(@(?P<where>[a-z_.*]+))?(:(?P<nth>[1-9][0-9]*))?=(?P<action>[a-z0-9.-]+)")
_WAIT = re.compile(r"wait-([0-9]+(?:\.[0-9]+)?)")


@dataclass
class _Armed:
    """One entry of the list, and how often it was met."""

    point: str
    where: str
    nth: int
    action: str
    met: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meets(self, point: str, where: str) -> bool:
        """Count a visit; whether this is the one."""
        if not (fnmatch.fnmatchcase(point, self.point) and fnmatch.fnmatchcase(where, self.where)):
            return False
        with self.lock:  # tables are extracted by several threads
            self.met += 1
            return self.action == "tell" or self.met == self.nth


_armed: tuple[_Armed, ...] = ()


def arm(environ: Mapping[str, str]) -> None:
    """Switch on what ``LOGISTICS_FAILPOINTS`` lists, and all else off. A job does this before anything else.

    Raises:
        ConfigurationError: an entry is no such thing, or names an unknown point or action.
    """
    global _armed
    text = environ.get(VARIABLE, "")
    _armed = tuple(_entry(part.strip()) for part in text.split(",")) if text.strip() else ()


def reached(point: str, where: str = "") -> None:
    """Say that the process is at ``point``, of the table ``where`` if there are several.

    Raises:
        LakeUnavailable: the action is ``fail``.
    """
    for entry in _armed:
        if entry.meets(point, where):
            _tell(f"failpoint {point}@{where}: {entry.action}\n")
            _do(entry.action, point)


def _entry(text: str) -> _Armed:
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{VARIABLE}: {text!r} is no failpoint", remedy="write POINT[@WHERE][:N]=ACTION")
    point, action = found["point"], found["action"]
    if not fnmatch.filter(POINTS, point):
        raise ConfigurationError(f"{VARIABLE}: there is no point {point}", remedy=f"one of: {', '.join(POINTS)}")
    if action not in ACTIONS and not _WAIT.fullmatch(action):
        raise ConfigurationError(f"{VARIABLE}: there is no action {action}", remedy=f"one of: {', '.join(ACTIONS)}")
    return _Armed(point, found["where"] or "*", int(found["nth"] or 1), action)


def _tell(line: str) -> None:
    log = os.environ.get(LOG_VARIABLE)
    if log is None:
        sys.stderr.write(line)
        return
    with open(log, "a", encoding="utf-8") as told:  # noqa: PTH123 - one call, whole before what may kill us
        told.write(line)


def _do(action: str, point: str) -> None:
    if action == "fail":
        raise LakeUnavailable(f"told to fail at {point}", remedy=f"unset {VARIABLE}")
    if action in KILLS:
        _KILL[action]()
    elif waited := _WAIT.fullmatch(action):
        time.sleep(float(waited[1]))


def _kill_python() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_jvm() -> None:
    # This process goes on: what it does until it notices is what is tested.
    os.kill(_submitted(os.getppid()), signal.SIGKILL)


def _kill_group() -> None:
    os.killpg(_submitted(os.getpgid(0)), signal.SIGKILL)


def _submitted(pid: int) -> int:
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        raise ConfigurationError(
            f"{VARIABLE}: there is no JVM beside this process", remedy="submit the job through spark-submit"
        )
    return pid


_KILL: Mapping[str, Callable[[], None]] = {
    "kill-python": _kill_python,
    "kill-jvm": _kill_jvm,
    "kill-group": _kill_group,
}
