"""A job that is held in its middle: through the Variable of Spark's settings, as anybody could set it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.jobs.submit import SPARK_ENVIRONMENT
from tests.e2e.manual import set_variable
from tests.e2e.stack import Stack

VARIABLE = "logistics_spark_conf"
# The driver's Python: told to wait at a point of the job, at most so many times, and to write down that it was asked to
# end, which nobody can who is killed at once. It passes on what it is asked and how the job ended.
_SCRIPT = """#!/bin/bash
number=1
until mkdir "{folder}/start-$number" 2>/dev/null; do number=$((number + 1)); done
[ "$number" -le {times} ] && export LOGISTICS_FAILPOINTS="{failpoints}" LOGISTICS_FAILPOINTS_LOG="{folder}/met-$number"
"{python}" "$@" &
job=$!
trap 'touch "{folder}/asked-$number"; kill -TERM $job' TERM
wait $job; code=$?
while kill -0 $job 2>/dev/null; do wait $job; code=$?; done
exit $code
"""


@dataclass(frozen=True)
class Held:
    """A job's Python that is held; ``folder`` keeps what happened to it."""

    folder: Path

    @property
    def starts(self) -> int:
        """How often it was started."""
        return len(list(self.folder.glob("start-*")))

    def waits(self, number: int = 1) -> bool:
        """Whether the start of that number has come to its point."""
        return (self.folder / f"met-{number}").exists()

    @property
    def asked(self) -> int:
        """How many of these were asked to end: SIGTERM came, before any SIGKILL."""
        return len(list(self.folder.glob("asked-*")))


def held_python(folder: Path, failpoints: str, times: int) -> Path:
    """Make a Python for drivers that starts the first ``times`` of them with these failpoints, others without."""
    folder.mkdir(parents=True)
    script = folder / "python"
    # The environment's own, as it is: a virtual environment knows itself by its path.
    python = SPARK_ENVIRONMENT / "bin" / "python"
    script.write_text(_SCRIPT.format(folder=folder, times=times, failpoints=failpoints, python=python))
    script.chmod(0o700)
    return script


@contextmanager
def held(stack: Stack, folder: Path, job: str, failpoints: str, times: int = 1) -> Iterator[Held]:
    """While the block runs, start the first ``times`` drivers of a job with these failpoints, others without."""
    script = held_python(folder, failpoints, times)
    set_variable(stack, VARIABLE, json.dumps({job: {"spark.pyspark.driver.python": str(script)}}))
    try:
        yield Held(folder)
    finally:
        set_variable(stack, VARIABLE, "{}")
