"""The connections and Variables that the pipeline is given through Airflow, and how they are read at run time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import (
    AirflowNotFoundException,
    AirflowRuntimeError,
    AirflowSecretsBackendAccessDenied,
    ErrorType,
)
from airflow.sdk.log import mask_secret

from smart_logistics import parsing, settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.jobs import submit, warm
from smart_logistics.jobs.catalog import Job
from smart_logistics.orchestration import access, config_files

_log = logging.getLogger(__name__)
POSTGRES, SPARK = config_files.POSTGRES, config_files.SPARK
LANDING, SMTP = config_files.LANDING, config_files.SMTP
LAKEHOUSE = config_files.LAKEHOUSE
_UP = "`logistics up` creates it; it can also be added under Admin, or in the secrets backend"
# What was asked for within ``asked_once``: connections, or None, by their ids, and Variables' texts by their keys.
_answers: ContextVar[tuple[dict[str, Connection | None], dict[str, str]] | None] = ContextVar("answers", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """Ask for each connection and Variable once while this lasts: it is a request to Airflow's API, of 10 ms, each.

    For what takes a moment, as the start of a task does; an edit by a person is not seen in it.
    """
    token = _answers.set(({}, {}))
    try:
        yield
    finally:
        _answers.reset(token)


def required(conn_id: str) -> Connection:
    """Return a connection.

    Raises:
        ConfigurationError: there is none of that name.
    """
    found = optional(conn_id)
    if found is None:
        raise ConfigurationError(f"the Airflow connection {conn_id} is missing", remedy=_UP)
    return found


def optional(conn_id: str) -> Connection | None:
    """Return a connection, or None where there is none of that name."""
    known = (_answers.get() or ({}, {}))[0]
    if conn_id not in known:
        try:
            known[conn_id] = Connection.get(conn_id)
        except AirflowNotFoundException:
            known[conn_id] = None
    return known[conn_id]


def dsn(connection: Connection) -> str:
    """Return a PostgreSQL connection as one URL; its extras become the query. A secret."""
    login = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    host = f"[{connection.host}]" if ":" in (connection.host or "") else connection.host or ""
    port = f":{connection.port}" if connection.port else ""
    extra = urlencode({name: str(value) for name, value in connection.extra_dejson.items()})
    at = f"{login}{password}@" if login else ""
    return f"postgresql://{at}{host}{port}/{quote(connection.schema or '', safe='')}{'?' + extra if extra else ''}"


def landing() -> Path:
    """Return the landing folder of the connection ``logistics_landing``.

    Raises:
        ConfigurationError: the connection is missing or names no folder.
    """
    path = required(LANDING).extra_dejson.get("path")
    if not path:
        raise ConfigurationError(f"the Airflow connection {LANDING} names no path", remedy='set its extra {"path": …}')
    return Path(path)


def lakehouse() -> str:
    """Return the root of the tables, the Variable ``logistics_lakehouse``."""
    return _variable(LAKEHOUSE)


def setting(name: str) -> Any:
    """Return the Variable of a JOB setting, validated as everywhere else."""
    declared = settings.BY_NAME[name]
    text = _variable(declared.airflow_variable)
    try:
        return declared.parse(text)
    except ValueError as error:
        raise ConfigurationError(
            f"the Airflow Variable {declared.airflow_variable} is not usable: {error}",
            remedy=f"set it to: {declared.meaning}",
        ) from None


def warm_session(job: Job, master: str, is_cluster_mode: bool) -> warm.Session | None:
    """Return the session that a job is to use; None where it has a driver of its own, which the log explains."""
    if is_cluster_mode or setting("SPARK_SESSION") != parsing.WARM:
        return None
    conf = submit.spark_conf(setting("SPARK_CONF"), job)
    found = warm.choose(settings.load().home, job, master=master, lakehouse=lakehouse(), conf=conf)
    if isinstance(found, str):
        _log.warning("no warm session, %s: %s %s", found, job.name, warm.OWN_DRIVER)
        return None
    mask_secret(found.token)
    return found


def _variable(key: str) -> str:
    known = (_answers.get() or ({}, {}))[1]
    if key not in known:
        known[key] = _asked(key)
    return known[key]


def _asked(key: str) -> str:
    try:
        return str(Variable.get(key))
    except AirflowSecretsBackendAccessDenied:
        # The callback of a deadline: Airflow lets it read no Variable on its task's behalf, for it has none.
        with access.api() as api:
            return api.variable(key)
    except AirflowRuntimeError as error:
        if error.error.error is not ErrorType.VARIABLE_NOT_FOUND:
            raise
        raise ConfigurationError(f"the Airflow Variable {key} is missing", remedy=_UP) from None
