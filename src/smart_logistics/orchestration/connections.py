"""The connections and Variables that the pipeline is given through Airflow, and how they are read at run time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.settings import Kind, Settings

POSTGRES, SPARK, LANDING, SMTP = "logistics_postgres", "logistics_spark", "logistics_landing", "logistics_smtp"
LAKEHOUSE = "logistics_lakehouse"
_UP = "`logistics up` creates it; it can also be added under Admin"


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


def spark_ui() -> str | None:
    """Return the address of the local Spark master's page; None where the cluster is somebody else's."""
    loaded = settings.load()
    port = None if loaded["SPARK_MASTER"] else kept_port(loaded, "SPARK_UI_PORT")
    return None if port is None else f"http://127.0.0.1:{port}/"


def kept_port(loaded: Settings, name: str) -> int | None:
    """Return a port that the local stack keeps in its home; None where it keeps none."""
    try:
        return int(json.loads((loaded.home / "run" / "ports.json").read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError):
        return None


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


def _variable(key: str) -> str:
    try:
        return str(Variable.get(key))
    except AirflowRuntimeError as error:
        if error.error.error is not ErrorType.VARIABLE_NOT_FOUND:
            raise
        raise ConfigurationError(f"the Airflow Variable {key} is missing", remedy=_UP) from None


def check() -> None:
    """Check every connection and Variable that a run needs, and say all that is wrong at once.

    Raises:
        ConfigurationError: something is missing or not usable.
    """
    wrong: list[str] = []
    needed = (
        *((required, conn_id) for conn_id in (POSTGRES, SPARK)),
        *((setting, declared.name) for declared in settings.SETTINGS if declared.kind is Kind.JOB),
    )
    for read, name in needed:
        try:
            read(name)
        except ConfigurationError as error:
            wrong.append(error.what)
    for read_one in (landing, lakehouse):
        try:
            read_one()
        except ConfigurationError as error:
            wrong.append(error.what)
    if wrong:
        raise ConfigurationError("; ".join(wrong), remedy="run `logistics up` again, or correct it under Admin")
