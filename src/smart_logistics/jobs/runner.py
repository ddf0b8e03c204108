"""What every job's main shares: arguments, session, the job's lock, its result line and its exit code."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deltalake.exceptions import DeltaError, SchemaMismatchError
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import AnalysisException, PySparkException

from smart_logistics import failpoints, settings
from smart_logistics.errors import (
    ConfigurationError,
    ConstraintBroken,
    LakeDamaged,
    LakeUnavailable,
    LogisticsError,
    SessionUnusable,
)
from smart_logistics.jobs import marks
from smart_logistics.jobs.catalog import Job
from smart_logistics.jobs.planned import PlannedLake
from smart_logistics.jobs.request import FIELDS, USUAL, Request, option
from smart_logistics.jobs.told import ToldLake
from smart_logistics.lake import constraints
from smart_logistics.lake.session import close_session, is_shared, open_session
from smart_logistics.lake.store import Lake

_CONTINUES = "see the task's log; the retry continues from where it was"
# Spark calls these an analysis, too, but a folder that is not there may be a disk that is away for a while.
_AWAY = ("PATH_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST", "DELTA_MISSING_DELTA_TABLE")


@dataclass(frozen=True)
class Context:
    """What a job works with: the lake, the run's id, its landing folder, its settings, and what was asked of it."""

    lake: Lake
    run_id: str
    landing: str
    values: Mapping[str, int]
    request: Request = USUAL

    def setting(self, name: str) -> int:
        """Return a JOB setting that the catalog names for this job."""
        return self.values[name]


def parse(job: Job, argv: list[str]) -> argparse.Namespace:
    """Parse the arguments that ``catalog.Job.arguments`` makes; each setting is validated as everywhere else."""
    parser = argparse.ArgumentParser(prog=job.name, description=job.purpose)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--lakehouse", required=True)
    if job.reads_landing:
        parser.add_argument("--landing", required=True)
    for name in job.settings:
        setting = settings.BY_NAME[name]
        parser.add_argument(
            "--" + name.lower().replace("_", "-"), type=setting.parse, default=setting.parse(setting.default or "")
        )
    if job.takes_requests:
        for field in FIELDS:
            parser.add_argument(option(field), default="")
    return parser.parse_args(argv)


Body = Callable[[Context], Mapping[str, object]]


def main(job: Job, run: Body, *, plan: Body | None = None, producers: tuple[str, ...] = ()) -> None:
    """Run a job's body under its lock and end the process: 0 and a result line, or the error's exit code and a line.

    ``producers`` are the jobs whose tables it reads: they may not be in the middle of a batch meanwhile. ``plan`` says,
    in a dry run, what the body would do; without it the body itself runs on a lake that only counts.
    """
    arguments = parse(job, sys.argv[1:])
    _die_with_the_jvm()
    code = 0
    try:
        failpoints.arm(os.environ)
        request = Request.of(vars(arguments) if job.takes_requests else {})
        spark = open_session(f"{job.name} {arguments.run_id}")
        values = {name: getattr(arguments, name.lower()) for name in job.settings}
        kind = PlannedLake if request.dry_run else ToldLake
        ctx = Context(
            kind(spark, arguments.lakehouse, job.name),
            arguments.run_id,
            getattr(arguments, "landing", ""),
            values,
            request,
        )
        with ctx.lake.alone(producers=producers):
            counts = planned(ctx, plan or run) if request.dry_run else run(ctx)
        marks.say(marks.RESULT, counts)
        close_session(spark)
    except LogisticsError as error:
        code = _report(error)
    except (PySparkException, Py4JError, DeltaError) as error:
        code = _report(_of_engine(error))
    sys.exit(code)


def summed(counts: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a job that also made its tables ``again``: all that it wrote and rejected, and that part."""
    sums = {name: counts[name] + again[f"{name}_again"] for name in ("rows", "rejected")}
    return {**counts, **again, **sums}


def planned(ctx: Context, body: Body) -> Mapping[str, object]:
    """Return what a job would do: what ``body`` says, and the rows of each table that it would write."""
    if not isinstance(ctx.lake, PlannedLake):
        raise TypeError("a dry run works on a lake that only counts")
    ctx.lake.plan.clear()
    said = body(ctx)
    # Under no name of a count: nothing of it has happened.
    return {"dry_run": True, "would_write": dict(ctx.lake.plan), "would_say": said}


def _report(error: LogisticsError) -> int:
    marks.say(marks.ERROR, {"type": type(error).__name__, "what": error.what, "remedy": error.remedy})
    return error.exit_code


def _of_engine(error: Exception) -> LogisticsError:
    """Return Spark's or delta-rs's error as one of ours, with the line that says why; the whole goes to the log."""
    print(error, file=sys.stderr, flush=True)  # noqa: T201 - the driver's log is its stderr
    if constraints.is_refusal(error):
        return ConstraintBroken(
            f"a row breaks a constraint of its table, and its commit was refused: {why(str(error))}",
            remedy="see the task's log for the row; the rule that let it through is wrong, and a retry says the same",
        )
    if isinstance(error, SchemaMismatchError):
        return _of_another_schema(error)
    if isinstance(error, DeltaError):
        return LakeUnavailable(f"a table could not be written: {why(str(error))}", remedy=_CONTINUES)
    if is_shared():
        # Whatever it is: a driver of the job's own knows better whether it was the server's fault.
        return SessionUnusable(f"the warm session failed: {why(str(error))}", remedy=_CONTINUES)
    if isinstance(error, AnalysisException) and not any(f"[{sign}" in str(error) for sign in _AWAY):
        return _of_another_schema(error)
    if isinstance(error, Py4JNetworkError):
        return LakeUnavailable("the driver's JVM is gone", remedy=_CONTINUES)
    return LakeUnavailable(f"Spark failed: {why(str(error))}", remedy=_CONTINUES)


def _of_another_schema(error: Exception) -> LogisticsError:
    return LakeDamaged(
        f"a table has not the columns or types that this version reads and writes: {why(str(error))}",
        remedy="a retry says the same: see the task's log for the column, and compare it with docs/data-model.md",
    )


def why(message: str) -> str:
    """Return the line of a Java error's text that says why: the innermost cause, else what was thrown."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    # Py4J's own first line says only which call failed; the exception follows after a colon.
    thrown = [line.removeprefix(": ") for line in lines if not line.startswith(("at ", "... ", "An error occurred"))]
    return (causes[-1:] or thrown or ["no message"])[0][:500]


def require_environment(name: str) -> str:
    """Return an environment variable that the submitter must set; the value is a secret and is never shown."""
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"{name} is not set", remedy="submit through `logistics job` or the DAG, which set it")
    return value


def _die_with_the_jvm() -> None:
    """End this process when the JVM that started it dies: without its committer it must have no side effect."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(LakeUnavailable.exit_code)

    threading.Thread(target=watch, name="jvm-watch", daemon=True).start()
