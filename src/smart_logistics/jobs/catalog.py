"""The PySpark jobs and the arguments that each is submitted with. Standard library only: the DAG and the CLI read it.

Whoever submits gives the values: the DAG as templates of Variables and connections, the command line as plain text. The
source's DSN is a secret and never an argument: a job reads it from the environment variable ``LOGISTICS_SOURCE_DSN``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.jobs.request import FIELDS, option

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Job:
    """A script of this folder, what it is for, and what it is given beside ``--run-id`` and ``--lakehouse``.

    ``failure`` is what it mostly means that it failed. One that ``takes_requests`` is told what was asked of its run.
    """

    name: str
    purpose: str
    settings: tuple[str, ...] = ()
    reads_source: bool = False
    reads_landing: bool = False
    takes_requests: bool = True
    failure: str = "the lakehouse or the cluster cannot be reached or written"

    @property
    def script(self) -> str:
        """Absolute path of the PySpark script."""
        return str(FOLDER / f"{self.name}.py")

    def arguments(
        self,
        *,
        run_id: str,
        lakehouse: str,
        landing: str,
        setting: Callable[[str], str],
        asked: Callable[[str], str] | None = None,
    ) -> list[str]:
        """Return the script's arguments.

        ``setting`` gives the text (or template) of a JOB setting by its name, ``asked`` that of a field of a request.
        """
        arguments = ["--run-id", run_id, "--lakehouse", lakehouse]
        if self.reads_landing:
            arguments += ["--landing", landing]
        for name in self.settings:
            arguments += ["--" + name.lower().replace("_", "-"), setting(name)]
        if asked is not None and self.takes_requests:
            # One word each: an empty one on its own is dropped by some who start programs.
            arguments += [f"{option(field)}={asked(field)}" for field in FIELDS]
        return arguments


BRONZE_INGEST_SQL = Job(
    "bronze_ingest_sql",
    "take what is new from every source table, all under one snapshot",
    ("DELETE_CHECK_HOURS", "MAX_DELETE_PERCENT", "FULL_READ"),
    reads_source=True,
    failure="the source is away, or is not what was agreed",
)
BRONZE_INGEST_IOT = Job(
    "bronze_ingest_iot",
    "take the telemetry files of the landing folder",
    ("SETTLE_SECONDS",),
    reads_landing=True,
    failure="the folders or the disk; a file that is bad is no failure",
)
SILVER_TRANSACTIONAL = Job(
    "silver_transactional", "judge rows, keep the latest of each key, build the shipments' history"
)
SILVER_IOT = Job("silver_iot", "judge readings, drop repeats, flag outliers", ("MAX_CLOCK_SKEW_MINUTES",))
GOLD_AGGREGATE = Job("gold_aggregate", "judge each affected shipment against its limits", ("HOLD_MINUTES",))
DATA_QUALITY_CHECK = Job(
    "data_quality_check",
    "check every layer, record the results, stop on errors",
    ("HOLD_MINUTES",),
    failure="a check of severity *error* failed: `ops.dq_metrics` and [quality](quality.md) say which",
)
FULL_AUDIT = Job(
    "full_audit",
    "check all that the tables hold, and make Silver and Gold again to compare",
    ("HOLD_MINUTES",),
    takes_requests=False,
    failure="a table is not what it should be: `ops.dq_metrics` and [quality](quality.md) say which",
)

# In the order of the pipeline, whose tasks they are.
PIPELINE: dict[str, Job] = {
    job.name: job
    for job in (
        BRONZE_INGEST_SQL,
        BRONZE_INGEST_IOT,
        SILVER_TRANSACTIONAL,
        SILVER_IOT,
        GOLD_AGGREGATE,
        DATA_QUALITY_CHECK,
    )
}
# Beside the pipeline: by hand, and weekly.
UPKEEP: dict[str, Job] = {FULL_AUDIT.name: FULL_AUDIT}
JOBS: dict[str, Job] = PIPELINE | UPKEEP
