"""The connections and Variables that the pipeline is given through Airflow, and how they are read at run time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
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
from smart_logistics.jobs import catalog, submit, warm
from smart_logistics.jobs.catalog import Job
from smart_logistics.orchestration import access, config_files
from smart_logistics.settings import Kind

_log = logging.getLogger(__name__)
POSTGRES, SPARK = config_files.POSTGRES, config_files.SPARK
LANDING, SMTP = config_files.LANDING, config_files.SMTP
LAKEHOUSE = config_files.LAKEHOUSE
_UP = "`logistics up` creates it; it can also be added under Admin, or in the secrets backend"


def required(conn_id: str) -> Connection:
    """Return a connection.

    Raises:
        ConfigurationError: there is none of that name.
    """
    try:
        found: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(f"the Airflow connection {conn_id} is missing", remedy=_UP) from None
    return found


def optional(conn_id: str) -> Connection | None:
    """Return a connection, or None where there is none of that name."""
    try:
        found: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        return None
    return found


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
        _log.warning("no warm session, %s: %s is submitted with a driver of its own", found, job.name)
        return None
    mask_secret(found.token)
    return found


def _variable(key: str) -> str:
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


def check_backend() -> None:
    """Ask the secrets backend itself for the source's connection, where Airflow is given one.

    Airflow passes over a backend that fails, at level DEBUG, and says that the connection is missing.

    Raises:
        ConfigurationError: the backend cannot be made, fails, or has no such connection.
    """
    from airflow.configuration import conf, initialize_secrets_backends

    name = conf.get("secrets", "backend", fallback="")
    if not name:
        return
    remedy = (
        f"put the connection {POSTGRES} there, and see LOGISTICS_SECRETS_BACKEND and LOGISTICS_SECRETS_BACKEND_KWARGS"
    )
    try:
        (backend,) = initialize_secrets_backends(default_backends=[])
        found = backend.get_connection(POSTGRES)
    except Exception as error:  # noqa: BLE001 - it is anybody's class; the text is not shown, it may hold a secret
        raise ConfigurationError(
            f"the secrets backend {name} does not work: {type(error).__name__}", remedy=remedy
        ) from None
    if found is None:
        raise ConfigurationError(f"the secrets backend {name} has no connection {POSTGRES}", remedy=remedy)


def check() -> None:
    """Check every connection and Variable that a run needs, and say all that is wrong at once.

    Raises:
        ConfigurationError: something is missing or not usable.
    """
    jobs = [declared.name for declared in settings.SETTINGS if declared.kind is Kind.JOB]
    checks: list[Callable[[], object]] = [
        check_backend,
        lambda: _sound(required(POSTGRES), "host", "schema"),
        lambda: _sound(required(SPARK), "host"),
        _check_spark_extra,
        landing,
        _check_smtp,
        lakehouse,
        *(lambda name=name: setting(name) for name in jobs),
        *(lambda name=name: _names_jobs(name) for name in ("SPARK_CONF", "JOB_TIMEOUT_MINUTES")),
        _spark_keys,
        _reachable_limits,
        _check_spark_conf,
    ]
    wrong = dict.fromkeys(_failures(checks))
    if wrong:
        raise ConfigurationError("; ".join(wrong), remedy="run `logistics up` again, or correct it under Admin")


def _failures(checks: list[Callable[[], object]]) -> Iterator[str]:
    for one in checks:
        try:
            one()
        except ConfigurationError as error:
            yield error.what


def _sound(connection: Connection, *fields: str) -> None:
    """See that a connection is of its type and has ``fields``.

    Raises:
        ConfigurationError: it is or has not.
    """
    conn_id, wanted = connection.conn_id, config_files.TYPES[connection.conn_id]
    if connection.conn_type != wanted:
        raise ConfigurationError(f"the Airflow connection {conn_id} is of type {connection.conn_type}, not {wanted}")
    lacking = [name for name in fields if not getattr(connection, name)]
    if lacking:
        raise ConfigurationError(f"the Airflow connection {conn_id} has no {' and no '.join(lacking)}")


def _check_spark_conf() -> None:
    """See that no job's Spark settings show a secret."""
    text = setting("SPARK_CONF")
    for job in catalog.JOBS.values():
        submit.spark_conf(text, job)


def _check_spark_extra() -> None:
    """See that the extra of the Spark connection holds what the provider reads: it passes over a slip.

    Raises:
        ConfigurationError: it holds something else.
    """
    connection = optional(SPARK)
    extra = connection.extra_dejson if connection else {}
    unknown = sorted(set(extra) - config_files.SPARK_EXTRAS)
    if unknown:
        raise ConfigurationError(f"the extra of {SPARK} has no {', '.join(unknown)}")
    if extra.get("deploy-mode", "client") not in ("client", "cluster"):
        raise ConfigurationError(f"the deploy-mode of {SPARK} is neither client nor cluster")


def _check_smtp() -> None:
    """See that the mail server, where there is one, can be mailed through.

    Raises:
        ConfigurationError: it names no server or nobody, or says true and false as text, which is true.
    """
    connection = optional(SMTP)
    if connection is None:
        return
    _sound(connection, "host", "port")
    extra = connection.extra_dejson
    if not extra.get("to_email") or not extra.get("from_email"):
        raise ConfigurationError(f"the extra of {SMTP} needs to_email and from_email")
    texts = [name for name in ("disable_ssl", "disable_tls") if not isinstance(extra.get(name, False), bool)]
    if texts:
        raise ConfigurationError(f"the extra of {SMTP} needs true or false without quotes: {', '.join(texts)}")


def _spark_keys() -> None:
    """See that Spark's settings are such: spark-submit passes over another name.

    Raises:
        ConfigurationError: one is none.
    """
    names = {key for of in json.loads(setting("SPARK_CONF")).values() for key in of}
    unknown = sorted(key for key in names if not key.startswith("spark."))
    if unknown:
        raise ConfigurationError(f"logistics_spark_conf has names that are not Spark's: {', '.join(unknown)}")


def _reachable_limits() -> None:
    """See that no job is allowed more time than its task has: it would never be used up.

    Raises:
        ConfigurationError: one is.
    """
    most = settings.load()["TASK_TIMEOUT_MINUTES"]
    longer = sorted(name for name, minutes in json.loads(setting("JOB_TIMEOUT_MINUTES")).items() if minutes > most)
    if longer:
        raise ConfigurationError(
            f"logistics_job_timeout_minutes allows {', '.join(longer)} more than the {most} min of a task "
            "(LOGISTICS_TASK_TIMEOUT_MINUTES)"
        )


def _names_jobs(name: str) -> None:
    """See that a setting by job names only jobs that there are.

    Raises:
        ConfigurationError: it names another.
    """
    unknown = sorted(set(json.loads(setting(name))) - {"*", *catalog.JOBS})
    if unknown:
        raise ConfigurationError(f"{settings.BY_NAME[name].airflow_variable} names no job: {', '.join(unknown)}")
