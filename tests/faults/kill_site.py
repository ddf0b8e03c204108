"""A site whose jobs are killed: a source database, a landing folder and a lakehouse, and a journal of what came.

A job is submitted exactly as the product does it (tether; spark-submit, or what takes its place on a warm session), or
run to its end in the tests' own session: the same code in another process, which starts at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from importlib import import_module
from pathlib import Path
from typing import Any

from psycopg import sql
from pyspark.sql import SparkSession

from smart_logistics import failpoints, settings
from smart_logistics.jobs import catalog, submit, warm
from smart_logistics.jobs.catalog import Job
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.spark_conf import job_properties, render
from smart_logistics.lake.store import Lake
from tests.faults.kill_processes import Processes
from tests.oracle.hostile_data import Wave
from tests.oracle.source_tables import BY_NAME
from tests.spark.bronze.source import Source

JOBS = tuple(catalog.PIPELINE)
PRODUCERS: Mapping[str, tuple[str, ...]] = {
    "silver_transactional": ("bronze_ingest_sql",),
    "silver_iot": ("bronze_ingest_iot",),
    "gold_aggregate": ("silver_transactional", "silver_iot"),
    "data_quality_check": JOBS[:-1],
}
# The defaults, but nothing waits, and keys are compared in every run.
SETTINGS: Mapping[str, Any] = {
    **{
        name: settings.BY_NAME[name].parse(settings.BY_NAME[name].default or "")
        for job in catalog.JOBS.values()
        for name in job.settings
    },
    "SETTLE_SECONDS": 0,
    "DELETE_CHECK_HOURS": 0,
    "MAX_DELETE_PERCENT": 100,
}
EVENTS = "shipment_status_events"
_DAWN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Journal:
    """All that ever came: row versions (each with an ``updated_at`` of its own), events, and files by name and MD5."""

    versions: set[tuple[str, Any, datetime]] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    files: Counter[tuple[str, str]] = field(default_factory=Counter)

    def next_moment(self) -> datetime:
        return _DAWN + timedelta(microseconds=len(self.versions) + 1)


@dataclass
class Site:
    """``home`` holds landing/ and its siblings and lakehouse/; ``run_id`` is that of the next run."""

    home: Path
    source: Source
    spark: SparkSession
    jars: Path
    journal: Journal = field(default_factory=Journal)
    settings: Mapping[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    runs: int = 0
    session: warm.Session | None = None

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(render(job_properties(self.jars, self.home / "scratch")))

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def lakehouse(self) -> Path:
        return self.home / "lakehouse"

    @property
    def _properties(self) -> Path:
        return self.home / "spark.conf"

    def copy(self, home: Path, **settings: int) -> Site:
        """Copy folders and lakehouse as they are; the source is shared."""
        shutil.copytree(self.home, home, symlinks=True)
        theirs = {**self.settings, **settings}
        return Site(home, self.source, self.spark, self.jars, self.journal, theirs, self.runs, self.session)

    @property
    def told(self) -> Path:
        """Where the failpoints tell what they met."""
        return self.home / "failpoints.log"

    # What comes in

    def receive(self, wave: Wave) -> None:
        """Let files land and transactions commit, one for each table."""
        for name, data in wave.files:
            if (self.landing / name).exists():
                continue  # it was not taken yet, or is never taken
            self.journal.files[name, md5(data, usedforsecurity=False).hexdigest()] += 1
            arriving = self.landing / f".{uuid.uuid4().hex}.tmp"
            arriving.write_bytes(data)
            arriving.rename(self.landing / name)
        with self.source.connect() as connection:
            for table, keys in wave.deleted.items():
                names = map(sql.Identifier, (table, _key(table)))
                statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(*names)
                connection.execute(statement, (keys,))
                connection.commit()
            for table, rows in wave.rows.items():
                for row in rows:
                    self._put(connection, table, row)
                connection.commit()

    def _put(self, connection: Any, table: str, row: Mapping[str, Any]) -> None:
        key = _key(table)
        if table == EVENTS:
            self.journal.events.add(row[key])
        else:
            row = {**row, "updated_at": self.journal.next_moment()}
            self.journal.versions.add((table, row[key], row["updated_at"]))
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(row))
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(key)), (row[key],)
        )
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks), list(row.values())
        )

    # What runs

    @contextmanager
    def submitted(self, name: str, failpoint: str = "") -> Iterator[Processes]:
        """Start a job as `logistics job` and the DAG do; nothing of it is left behind at the end, killed or not."""
        job, self.runs, mark = catalog.JOBS[name], self.runs + 1, uuid.uuid4().hex
        command = submit.command(
            job,
            master="local[2]",
            properties_file=str(self._properties),
            name=name,
            arguments=self._arguments(job),
            spark_submit=self.session.words(sys.executable) if self.session else (submit.SPARK_SUBMIT,),
        )
        environment = submit.environment(job, source_dsn=self.source.dsn) | {Processes.MARK: mark}
        environment |= self.session.variables() if self.session else {}
        if failpoint:
            environment |= {failpoints.VARIABLE: failpoint, failpoints.LOG_VARIABLE: str(self.told)}
        output = self.home / f"run-{self.runs}.log"
        with output.open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as tether:
            processes = Processes(tether, mark, job.script, output)
            try:
                yield processes
            finally:
                processes.end()

    def _arguments(self, job: Job) -> list[str]:
        return job.arguments(
            run_id=f"run-{self.runs}",
            lakehouse=str(self.lakehouse),
            landing=str(self.landing),
            setting=lambda name: str(self.settings[name]),
        )

    def retry(self, name: str) -> Mapping[str, object]:
        """Run a job of the same run once more, as Airflow does when a try has died."""
        self.runs -= 1
        return self.run(name)

    def run(self, name: str) -> Mapping[str, object]:
        """Run a job to its end in the session of the tests, under the locks that its main holds."""
        self.runs += 1
        body = import_module(f"smart_logistics.jobs.{name}").run
        lake = Lake(self.spark, str(self.lakehouse), name)
        os.environ[submit.SOURCE_DSN] = self.source.dsn
        try:
            with lake.alone(producers=PRODUCERS.get(name, ())):
                result: Mapping[str, object] = body(Context(lake, f"run-{self.runs}", str(self.landing), self.settings))
        finally:
            del os.environ[submit.SOURCE_DSN]
        return result

    def run_from(self, name: str) -> float:
        """Run a job and those after it to their ends; return the seconds that it took."""
        began = time.monotonic()
        for job in JOBS[JOBS.index(name) :]:
            self.run(job)
        return time.monotonic() - began


def _key(table: str) -> str:
    return BY_NAME[table].key
