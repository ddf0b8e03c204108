"""A stack of its own: the real console script in a home that is removed afterwards, and what one can ask of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from smart_logistics import settings
from smart_logistics.cli.run import DAG_ID
from smart_logistics.orchestration.api import AirflowApi, Credentials, NotFound
from smart_logistics.settings import REPOSITORY, Settings
from smart_logistics.stack import connections, java, spark
from smart_logistics.stack.home import Home

CONSOLE = REPOSITORY / ".venv" / "bin" / "logistics"
_FOREIGN = ("LOGISTICS_", "AIRFLOW", "SPARK_", "PYSPARK_")
_ENDED = ("success", "failed")
_POLL_SECONDS = 0.5
_ARCHIVE_SECONDS, _KNOWN_SECONDS = 300.0, 120.0
# What is measured takes less than the first; in the second the scheduler has made its hourly run.
_HOUR, _BEFORE_THE_HOUR, _AFTER_THE_HOUR = 3600, 240, 20


@dataclass(frozen=True)
class Stack:
    """A home and the settings that every command gets there."""

    root: Path
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a user's shell has, and our settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return kept | {"LOGISTICS_HOME": str(self.root)} | {f"LOGISTICS_{k}": v for k, v in self.given.items()}

    @property
    def settings(self) -> Settings:
        """The settings as the product reads them."""
        return settings.load(self.environment)

    @property
    def home(self) -> Home:
        """The home's places."""
        return Home.of(self.settings)

    def must(self, *words: str) -> float:
        """Run ``logistics WORDS``, which must succeed; return how many seconds it took.

        Raises:
            RuntimeError: it failed; with what it printed last.
        """
        began = time.monotonic()
        self.told_by(*words)
        return time.monotonic() - began

    def told_by(self, *words: str) -> str:
        """Run ``logistics WORDS``, which must succeed; return what it printed.

        Raises:
            RuntimeError: it failed; with what it printed last.
        """
        done = subprocess.run(
            [CONSOLE, *words], env=self.environment, cwd=self.root.parent, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"logistics {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"[-4000:])
        return done.stdout + done.stderr

    def start_with_archive(self) -> None:
        """Start, and once more when the class-data archive is there: as every stack is but in its first minutes.

        Left alone, the warm session starts again for it when nobody has come for five minutes; the others at the next
        `up`.

        Raises:
            RuntimeError: it was not made in time.
        """
        self.must("up")
        archive = spark.archive_of(self.settings, self.home, java.find(self.settings, self.home, self.environment))
        if archive is None:  # this Java can have none
            return
        end = time.monotonic() + _ARCHIVE_SECONDS
        while not archive.exists():
            if time.monotonic() > end:
                raise RuntimeError(f"no class-data archive in {archive.parent}")
            time.sleep(1)
        self.must("down")
        self.must("up")

    @property
    def supervisor(self) -> int:
        """Pid of the process from which all others of the stack descend."""
        return int(self.home.supervisord_pid.read_text(encoding="utf-8"))

    def api(self) -> AirflowApi:
        """Open a session with the stack's Airflow."""
        return AirflowApi(Credentials(*connections.airflow_api(self.settings)))

    def source_dsn(self) -> str:
        """Return the DSN of the stack's source database."""
        return connections.source_dsn(self.settings)


@contextmanager
def of_its_own(**given: str) -> Iterator[Stack]:
    """Give a stack that is not up yet, with the jars in place as ``make install`` leaves them; remove it at the end."""
    parent = Path(tempfile.mkdtemp(prefix="bench-stack-"))
    stack = Stack(parent / "home", given)
    try:
        if os.getuid() == 0:
            parent.chmod(0o711)  # the database runs as another user, who must be able to pass through
        stack.root.mkdir(mode=0o711 if os.getuid() == 0 else 0o700)
        shutil.copytree(settings.load().home / "jars", stack.home.jars)
        yield stack
    finally:
        if stack.root.exists():
            stack.must("down")
        shutil.rmtree(parent)


@dataclass(frozen=True)
class Run:
    """A run of the pipeline that succeeded: from its request to its end, in seconds since 1970, and what jobs told."""

    run_id: str
    began: float
    ended: float
    counts: Mapping[str, Mapping[str, Any]]

    @property
    def seconds(self) -> float:
        """How long whoever asked for it waited."""
        return self.ended - self.began


def run_pipeline(stack: Stack, jobs: tuple[str, ...], bring: Callable[[], None]) -> Run:
    """Wait until nothing runs, let ``bring`` bring what is new, run the pipeline through Airflow's API.

    The scheduler's own hourly run must not take what was brought for this one, nor make it wait, see ``quiet``; what a
    run was given is checked by whoever asked for it.

    Raises:
        RuntimeError: the run did not succeed.
    """
    with stack.api() as api:
        quiet(api)
        bring()
        began = time.time()
        run_id = api.trigger(DAG_ID)
        while (run := api.run(DAG_ID, run_id))["state"] not in _ENDED:
            time.sleep(_POLL_SECONDS)
        if run["state"] != "success":
            states = {task["task_id"]: task["state"] for task in api.tasks(DAG_ID, run_id)}
            raise RuntimeError(f"{run_id} {run['state']}: {states}")
        ended = datetime.fromisoformat(run["end_date"]).timestamp()
        return Run(run_id, began, ended, {job: api.counts(DAG_ID, run_id, job) for job in jobs})


def known(api: AirflowApi) -> None:
    """Wait until Airflow has read the pipeline's DAG file: a stack is healthy before that."""
    end = time.monotonic() + _KNOWN_SECONDS
    while True:
        try:
            api.dag(DAG_ID)
        except NotFound:
            if time.monotonic() > end:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def quiet(api: AirflowApi) -> None:
    """Wait until no run of the pipeline is queued or under way, nor about to be: the DAG runs at each full hour."""
    known(api)
    left = _HOUR - time.time() % _HOUR
    if left < _BEFORE_THE_HOUR:
        time.sleep(left + _AFTER_THE_HOUR)
    while api.runs(DAG_ID, states=("queued", "running"), limit=1):
        time.sleep(_POLL_SECONDS)
