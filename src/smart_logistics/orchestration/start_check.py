"""Whether a run can work with the connections and Variables that it is given, seen before anything is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from airflow.sdk import Connection

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.jobs import catalog, submit
from smart_logistics.orchestration import config_files, connections
from smart_logistics.settings import Kind


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
        f"put the connection {connections.POSTGRES} there, "
        "and see LOGISTICS_SECRETS_BACKEND and LOGISTICS_SECRETS_BACKEND_KWARGS"
    )
    try:
        (backend,) = initialize_secrets_backends(default_backends=[])
        found = backend.get_connection(connections.POSTGRES)
    except Exception as error:  # noqa: BLE001 - it is anybody's class; the text is not shown, it may hold a secret
        raise ConfigurationError(
            f"the secrets backend {name} does not work: {type(error).__name__}", remedy=remedy
        ) from None
    if found is None:
        raise ConfigurationError(f"the secrets backend {name} has no connection {connections.POSTGRES}", remedy=remedy)


def check() -> None:
    """Check every connection and Variable that a run needs, and say all that is wrong at once.

    Raises:
        ConfigurationError: something is missing or not usable.
    """
    jobs = [declared.name for declared in settings.SETTINGS if declared.kind is Kind.JOB]
    checks: list[Callable[[], object]] = [
        check_backend,
        lambda: _sound(connections.required(connections.POSTGRES), "host", "schema"),
        lambda: _sound(connections.required(connections.SPARK), "host"),
        _check_spark_extra,
        connections.landing,
        _check_smtp,
        connections.lakehouse,
        *(lambda name=name: connections.setting(name) for name in jobs),
        *(lambda name=name: _names_jobs(name) for name in ("SPARK_CONF", "JOB_TIMEOUT_MINUTES")),
        _spark_keys,
        _reachable_limits,
        _check_spark_conf,
    ]
    with connections.asked_once():
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
    text = connections.setting("SPARK_CONF")
    for job in catalog.JOBS.values():
        submit.spark_conf(text, job)


def _check_spark_extra() -> None:
    """See that the extra of the Spark connection holds what the provider reads: it passes over a slip.

    Raises:
        ConfigurationError: it holds something else.
    """
    connection = connections.optional(connections.SPARK)
    extra = connection.extra_dejson if connection else {}
    unknown = sorted(set(extra) - config_files.SPARK_EXTRAS)
    if unknown:
        raise ConfigurationError(f"the extra of {connections.SPARK} has no {', '.join(unknown)}")
    if extra.get("deploy-mode", "client") not in ("client", "cluster"):
        raise ConfigurationError(f"the deploy-mode of {connections.SPARK} is neither client nor cluster")


def _check_smtp() -> None:
    """See that the mail server, where there is one, can be mailed through.

    Raises:
        ConfigurationError: it names no server or nobody, or says true and false as text, which is true.
    """
    connection = connections.optional(connections.SMTP)
    if connection is None:
        return
    _sound(connection, "host", "port")
    extra = connection.extra_dejson
    if not extra.get("to_email") or not extra.get("from_email"):
        raise ConfigurationError(f"the extra of {connections.SMTP} needs to_email and from_email")
    texts = [name for name in ("disable_ssl", "disable_tls") if not isinstance(extra.get(name, False), bool)]
    if texts:
        raise ConfigurationError(
            f"the extra of {connections.SMTP} needs true or false without quotes: {', '.join(texts)}"
        )


def _spark_keys() -> None:
    """See that Spark's settings are such: spark-submit passes over another name.

    Raises:
        ConfigurationError: one is none.
    """
    names = {key for of in json.loads(connections.setting("SPARK_CONF")).values() for key in of}
    unknown = sorted(key for key in names if not key.startswith("spark."))
    if unknown:
        raise ConfigurationError(f"logistics_spark_conf has names that are not Spark's: {', '.join(unknown)}")


def _reachable_limits() -> None:
    """See that no job is allowed more time than its task has: it would never be used up.

    Raises:
        ConfigurationError: one is.
    """
    most = settings.load()["TASK_TIMEOUT_MINUTES"]
    longer = sorted(
        name for name, minutes in json.loads(connections.setting("JOB_TIMEOUT_MINUTES")).items() if minutes > most
    )
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
    unknown = sorted(set(json.loads(connections.setting(name))) - {"*", *catalog.JOBS})
    if unknown:
        raise ConfigurationError(f"{settings.BY_NAME[name].airflow_variable} names no job: {', '.join(unknown)}")
