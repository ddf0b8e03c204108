"""What is measured: one list of names, from which the endpoint, Airflow's gauges and docs/metrics.md derive.

Names end in their unit, as Prometheus has it. A moment is seconds since 1970; there is no sample where there is nothing
to measure, and none is ever guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "smart_logistics"
LAYERS = ("bronze", "silver", "gold")


@dataclass(frozen=True)
class Measure:
    """A gauge: its name without prefix, what it means, and the labels by which it is told apart."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return f"{PREFIX}_{self.name}"

    def sample(self, value: float, *labels: str) -> Sample:
        """Return a value; ``labels`` are in the order in which they are declared.

        Raises:
            ValueError: there are more or fewer of them.
        """
        return Sample(self, float(value), dict(zip(self.labels, labels, strict=True)))


@dataclass(frozen=True)
class Event:
    """What is counted or timed where it happens; it goes through Airflow's own metrics only."""

    name: str
    kind: str
    meaning: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One value of a measure."""

    measure: Measure
    value: float
    labels: Mapping[str, str]


_DAG = ("dag_id",)

LAST_RUN_SUCCESS = Measure("last_run_success", "1 where the run that ended last succeeded, else 0", _DAG)
LAST_RUN_END = Measure("last_run_end_timestamp_seconds", "when the last run ended", _DAG)
LAST_SUCCESS = Measure("last_success_timestamp_seconds", "when a run last ended in success", _DAG)
LAST_RUN_DURATION = Measure("last_run_duration_seconds", "from start to end of the last run", _DAG)
LAST_RUN_ROWS = Measure(
    "last_run_rows", "rows that the last run took in (bronze) or changed (silver, gold)", (*_DAG, "layer")
)
LAST_RUN_REJECTED = Measure("last_run_rejected_rows", "dead letters that the last run wrote", _DAG)
JOB_ROWS = Measure(
    "last_run_job_rows",
    "rows that a job of the last run took up (in), wrote (out) and rejected; in of Gold are shipments",
    (*_DAG, "layer", "task_id", "direction"),
)
LAST_DAY_RUNS = Measure("last_day_runs", "runs that ended in the last 24 hours, by how they ended", (*_DAG, "state"))
TASK_DURATION = Measure("last_run_task_duration_seconds", "the last try of a task in the last run", (*_DAG, "task_id"))
TASK_TRIES = Measure("last_run_task_tries", "tries that a task of the last run took", (*_DAG, "task_id"))

CHECKS = Measure("dq_checks", "checks of the last quality gate, by what came out", ("severity", "status"))
BREACHED = Measure(
    "dq_breached_check", "value of a check that did not pass", ("layer", "table", "check", "severity", "status")
)
CHECKED_AT = Measure("dq_checked_timestamp_seconds", "when the last quality gate ran")

TABLE_ROWS = Measure("table_rows", "rows of a table", ("layer", "table"))
TABLE_BYTES = Measure("table_bytes", "size of a table's live files", ("layer", "table"))
TABLE_SMALL_FILES = Measure("table_small_files", "small files beyond one for each partition", ("layer", "table"))
REJECTED_OPEN = Measure("rejected_open", "dead letters that nobody has closed", ("source_table", "reason"))
FILES = Measure("files_processed", "files in the log of processed files", ("status",))
LAST_FILE = Measure("last_file_timestamp_seconds", "when a file was last taken from the landing folder")
NEWEST_READING = Measure("newest_reading_timestamp_seconds", "event time of the newest reading", ("layer",))
LAG = Measure("lag_seconds", "age of the newest reading: from its event time until now", ("layer",))
SHIPMENTS = Measure("shipments", "shipments in Gold by severity of their temperature alert", ("severity",))
EXCURSIONS = Measure("excursions", "temperature excursions in Gold", ("severity",))

FILES_WAITING = Measure("landing_files", "telemetry files in the landing folder that are not taken yet")
OLDEST_FILE = Measure("landing_oldest_file_seconds", "age of the oldest of them; 0 where there is none")

RUNS_IN_FLIGHT = Measure("runs_in_flight", "runs that are queued or running", (*_DAG, "state"))
IN_FLIGHT = Measure(
    "run_in_flight_seconds", "since when the oldest unfinished run was queued; 0 where there is none", _DAG
)
DEADLINE = Measure("run_deadline_seconds", "how long a run may take: LOGISTICS_RUN_DEADLINE_MINUTES", _DAG)
PAUSED = Measure("dag_paused", "1 where the DAG is paused", _DAG)
COMPONENT = Measure("airflow_component_healthy", "1 where its heartbeat is recent", ("component",))
IMPORT_ERRORS = Measure("airflow_import_errors", "DAG files that could not be read")

COLLECTION_SECONDS = Measure("collection_seconds", "how long it took to measure a part of all this", ("part",))
COLLECTION_FAILED = Measure("collection_failed", "1 where a part could not be measured: its samples lack", ("part",))

MEASURES: tuple[Measure, ...] = tuple(one for one in globals().values() if isinstance(one, Measure))

EVENTS: tuple[Event, ...] = (
    Event("job.rows_in", "counter", "rows that a job took up; of Gold shipments", ("layer", "task_id")),
    Event("job.rows", "counter", "rows that a job wrote: inserted, changed or removed", ("layer", "task_id")),
    Event("job.rejected", "counter", "dead letters that a job wrote", ("layer", "task_id")),
    Event("job.duration", "timer", "one try of a job, from submit to its end", ("layer", "task_id", "outcome")),
    Event("job.failed", "counter", "tries of a job that failed, by the error's class", ("layer", "task_id", "error")),
    Event("run.ended", "counter", "runs that ended", ("dag_id", "state")),
    Event("deadline.missed", "counter", "deadlines that an unfinished run has missed", ("dag_id", "deadline")),
    Event("alerts", "counter", "alerts by kind: task_failed, run_failed, deadline_missed", ("kind",)),
)
