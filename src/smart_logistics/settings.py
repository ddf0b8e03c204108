"""The one documented list of settings, and the only reader of the environment.

Each setting NAME is read from the variable ``LOGISTICS_<NAME>``, else it has its default (the command line puts
the entries of a ``.env`` file into the environment first). Those of kind ``JOB`` become the Airflow Variable
``logistics_<name>`` at ``up``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smart_logistics import parsing
from smart_logistics.errors import ConfigurationError

PREFIX = "LOGISTICS_"
WEEK_HOURS = 168
REPOSITORY = Path(__file__).resolve().parents[2]


class Kind(Enum):
    """Who reads a setting, and when."""

    STACK = "read by the command line when it starts the local stack"
    DAG = "read from the environment when the DAG file is parsed"
    JOB = "an Airflow Variable, editable in the UI, handed to the jobs that use it"
    PAGES = "read from the environment by Airflow's API server, for the pages"
    PRIVATE = "read at start, kept only in files of mode 0600"


@dataclass(frozen=True)
class Setting:
    """One setting: its name without prefix, default as text (None = none), kind, meaning and parser."""

    name: str
    default: str | None
    kind: Kind
    meaning: str
    parse: Callable[[str], Any] = str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name

    @property
    def airflow_variable(self) -> str:
        """The Airflow Variable of a JOB setting."""
        return self.variable.lower()


SETTINGS: tuple[Setting, ...] = (
    Setting("HOME", "./.local", Kind.STACK, "all state of the local stack"),
    Setting("SOURCE_DSN", None, Kind.PRIVATE, "postgresql://user:password@host:port/database of the source system"),
    Setting("LAKEHOUSE", None, Kind.STACK, "root URI of the Delta tables; default $LOGISTICS_HOME/lakehouse"),
    Setting("LANDING", None, Kind.STACK, "folder where the IoT gateway drops files; default $LOGISTICS_HOME/landing"),
    Setting("SPARK_MASTER", None, Kind.STACK, "any Spark master URL; default the local standalone cluster"),
    Setting("AIRFLOW_PORT", None, Kind.STACK, "port of the Airflow API server; default a free one, kept", parsing.port),
    Setting(
        "POSTGRES_PORT", None, Kind.STACK, "port of the embedded PostgreSQL; default a free one, kept", parsing.port
    ),
    Setting("SPARK_PORT", None, Kind.STACK, "port of the Spark master; default a free one, kept", parsing.port),
    Setting(
        "SPARK_UI_PORT", None, Kind.STACK, "port of the Spark master's page; default a free one, kept", parsing.port
    ),
    Setting("SPARK_WORKER_PORT", None, Kind.STACK, "port of the Spark worker; default a free one, kept", parsing.port),
    Setting(
        "SPARK_WORKER_UI_PORT", None, Kind.STACK, "port of the worker's page; default a free one, kept", parsing.port
    ),
    Setting("SPARK_SESSION_PORT", None, Kind.STACK, "port of the warm session; default a free one, kept", parsing.port),
    Setting(
        "AIRFLOW_LOG_PORT", None, Kind.STACK, "port of the server of task logs; default a free one, kept", parsing.port
    ),
    Setting(
        "JAVA_HOME",
        None,
        Kind.STACK,
        "the Java to use, or `bundled`; default JAVA_HOME, else java on PATH, else the bundled one",
    ),
    Setting(
        "AIRFLOW_USERS",
        None,
        Kind.STACK,
        "people who may log in to Airflow beside `admin`, as in asha:user,vera:viewer; roles: viewer, user, op, admin",
        parsing.users,
    ),
    Setting("SMTP_HOST", None, Kind.STACK, "mail server; without one alerts are logged only"),
    Setting("SMTP_PORT", "25", Kind.STACK, "port of the mail server", parsing.port),
    Setting("SMTP_USER", None, Kind.STACK, "login at the mail server"),
    Setting("SMTP_PASSWORD", None, Kind.PRIVATE, "password at the mail server"),
    Setting("SMTP_FROM", "logistics@localhost", Kind.STACK, "sender of alerts"),
    Setting("SMTP_TO", None, Kind.STACK, "receivers of alerts, separated by commas"),
    Setting(
        "SECRETS_BACKEND",
        None,
        Kind.STACK,
        "class of the Airflow secrets backend that holds the connections with secrets; default a file in the home",
    ),
    Setting("SECRETS_BACKEND_KWARGS", "{}", Kind.PRIVATE, "its arguments, a JSON object", parsing.json_object),
    Setting("DOCS_URL", None, Kind.DAG, "where the pages of docs/ are served; alerts then link there", parsing.page),
    Setting(
        "AIRFLOW_URL",
        None,
        Kind.DAG,
        "where those who read alerts reach Airflow; for links only, default its address on this machine",
        parsing.page,
    ),
    Setting(
        "SPARK_UI_URL",
        None,
        Kind.DAG,
        "where they reach the page of the Spark master, also one elsewhere; default the local one's on this machine",
        parsing.page,
    ),
    Setting(
        "STATSD",
        None,
        Kind.STACK,
        "host:port of a StatsD server that Airflow's and our metrics go to",
        parsing.endpoint,
    ),
    Setting(
        "OTEL", None, Kind.STACK, "host:port of an OpenTelemetry collector (OTLP over HTTP) instead", parsing.endpoint
    ),
    Setting(
        "OPENLINEAGE",
        "off",
        Kind.STACK,
        "where lineage events go: off, console, file:PATH or an http(s) URL",
        parsing.lineage,
    ),
    Setting(
        "MAP_TILES_URL",
        None,
        Kind.PAGES,
        "template of the tiles that maps are drawn on, such as https://HOST/{z}/{x}/{y}.png; default the outlines that "
        "come with the pages, for which nothing is asked of another server",
        parsing.tiles,
    ),
    Setting("MAP_TILES_ATTRIBUTION", None, Kind.PAGES, "what the owner of the tiles wants said below a map"),
    Setting("RETRIES", "3", Kind.DAG, "retries of a task", parsing.not_negative),
    Setting("RETRY_DELAY_SECONDS", "120", Kind.DAG, "wait before the first retry, doubling", parsing.not_negative),
    Setting("MAX_RETRY_DELAY_SECONDS", "600", Kind.DAG, "longest wait before a retry", parsing.positive),
    Setting(
        "POKE_INTERVAL_SECONDS", "60", Kind.DAG, "how often the sensor looks into the landing folder", parsing.positive
    ),
    Setting(
        "SENSOR_TIMEOUT_SECONDS",
        "300",
        Kind.DAG,
        "how long the sensor waits before the hour counts as quiet",
        parsing.positive,
    ),
    Setting("RUN_DEADLINE_MINUTES", "45", Kind.DAG, "a run that takes longer is reported", parsing.positive),
    Setting("RUN_WARNING_MINUTES", "30", Kind.DAG, "a run that takes longer is reported as slow", parsing.positive),
    Setting(
        "RUN_UNUSUAL_MINUTES",
        "15",
        Kind.DAG,
        "a run that takes so much longer than the median of the last ten good ones, from five on, is reported as slow",
        parsing.positive,
    ),
    Setting("RUN_TIMEOUT_MINUTES", "180", Kind.DAG, "a run that takes longer is ended as failed", parsing.positive),
    Setting(
        "GOLD_FRESHNESS_MINUTES",
        "120",
        Kind.DAG,
        "no good run for longer than that is reported: Gold is stale",
        parsing.positive,
    ),
    Setting("TASK_TIMEOUT_MINUTES", "40", Kind.DAG, "a task that takes longer is ended", parsing.positive),
    Setting(
        "SETTLE_SECONDS", "10", Kind.JOB, "a file younger than this is left in the landing folder", parsing.not_negative
    ),
    Setting("HOLD_MINUTES", "60", Kind.JOB, "how long a reading holds while no next one comes", parsing.positive),
    Setting(
        "MAX_CLOCK_SKEW_MINUTES",
        "10",
        Kind.JOB,
        "how far ahead of its ingestion a reading may be",
        parsing.not_negative,
    ),
    Setting(
        "DELETE_CHECK_HOURS",
        "24",
        Kind.JOB,
        "how often keys are compared to notice hard deletes; 0 = every run",
        parsing.not_negative,
    ),
    Setting(
        "SPARK_SESSION",
        "warm",
        Kind.JOB,
        "warm = one Spark session for all jobs, on the local cluster; classic = a driver for each",
        parsing.session,
    ),
    Setting(
        "SPARK_CONF",
        "{}",
        Kind.JOB,
        'Spark settings by job, such as {"*": {"spark.cores.max": 4}, "gold_aggregate": {"spark.driver.memory": "2g"}}',
        parsing.by_job(dict),
    ),
    Setting(
        "JOB_TIMEOUT_MINUTES",
        "{}",
        Kind.JOB,
        'a driver that takes longer is ended and tried again, by job, such as {"*": 30, "gold_aggregate": 20}',
        parsing.by_job(int),
    ),
    Setting(
        "MAX_DELETE_PERCENT",
        "20",
        Kind.JOB,
        "a larger share of keys gone at once stops the extraction",
        parsing.positive,
    ),
    Setting(
        "VACUUM_RETENTION_HOURS",
        str(WEEK_HOURS),
        Kind.JOB,
        f"how long maintenance keeps files that only older versions of a table need; at least {WEEK_HOURS}",
        parsing.at_least(WEEK_HOURS, f"must be at least {WEEK_HOURS}"),
    ),
    Setting(
        "LOG_RETENTION_DAYS",
        "30",
        Kind.JOB,
        "how long maintenance keeps task logs and Airflow's records of runs that have ended",
        parsing.positive,
    ),
    Setting(
        "FULL_READ",
        "0",
        Kind.JOB,
        "1 = read the source's tables in full and keep the differences; needed after the server's disk was set back",
        parsing.not_negative,
    ),
)
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True)
class Settings:
    """Validated settings. Use ``settings["HOLD_MINUTES"]`` for a value and the properties for places."""

    values: Mapping[str, Any] = field(repr=False)
    given: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def home(self) -> Path:
        """Absolute path of the stack's state."""
        return Path(self["HOME"]).expanduser().resolve()

    @property
    def lakehouse(self) -> str:
        """Root of the Delta tables: an absolute path, or a URI with its scheme."""
        given = self["LAKEHOUSE"]
        if given is None:
            return str(self.home / "lakehouse")
        return (
            given.rstrip("/")
            if urlsplit(given).scheme not in ("", "file")
            else str(Path(urlsplit(given).path or given).resolve())
        )

    @property
    def landing(self) -> Path:
        """Folder of arriving files; ``archive``, ``failed`` and ``processing`` are its siblings."""
        return Path(self["LANDING"] or self.home / "landing").expanduser().resolve()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate every setting from ``environ``, by default that of the process.

    Raises:
        ConfigurationError: a value does not parse; the message names the variable and what it must be.
    """
    given = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = given.get(setting.variable) or setting.default
        try:
            values[setting.name] = None if text is None else setting.parse(text)
        except ValueError as error:
            # The text itself is not shown: it may be a secret put into the wrong variable.
            raise ConfigurationError(
                f"{setting.variable} is not usable: {error}", remedy=f"set it to: {setting.meaning}"
            ) from None
    return Settings(values, frozenset(s.name for s in SETTINGS if given.get(s.variable)))
