"""Connections and Variables as code: ``python -m smart_logistics.orchestration.provision``, which `logistics up` runs.

Reads from its standard input one JSON object: ``source_dsn`` and, where there is a mail server with a login,
``smtp_password``; secrets never lie in an argument. Everything else comes from the settings. A Variable whose
setting is given in the environment is set to it; any other is only created where it does not exist, so that edits in
the UI survive.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration.connections import LAKEHOUSE, LANDING, POSTGRES, SMTP, SPARK, kept_port
from smart_logistics.settings import Kind, Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_SMTPS_PORT, _SUBMISSION_PORT = 465, 587


def connections(given: dict[str, str], loaded: Settings) -> dict[str, dict[str, Any]]:
    """Return the fields of each connection by its id."""
    result = {
        POSTGRES: postgres(given["source_dsn"]),
        # The provider takes a host with a scheme, or without a port, as the whole master URL.
        SPARK: {"conn_type": "spark", "host": spark_master(loaded), "description": "where the jobs are submitted to"},
        LANDING: {
            "conn_type": "fs",
            "extra": {"path": str(loaded.landing)},
            "description": "folder where the IoT gateway drops files",
        },
    }
    if loaded["SMTP_HOST"]:
        result[SMTP] = smtp(loaded, given.get("smtp_password"))
    return result


def spark_master(loaded: Settings) -> str:
    """Return the given master, else that of the local cluster, on the port that the home keeps.

    Raises:
        ConfigurationError: there is neither.
    """
    if loaded["SPARK_MASTER"]:
        return str(loaded["SPARK_MASTER"])
    port = kept_port(loaded, "SPARK_PORT")
    if port is None:
        raise ConfigurationError(
            f"no Spark master is known in {loaded.home}", remedy="run `logistics up`, or set LOGISTICS_SPARK_MASTER"
        )
    return f"spark://127.0.0.1:{port}"


def postgres(dsn: str) -> dict[str, Any]:
    """Return a DSN as the fields of a connection; its query becomes the extras.

    Raises:
        ConfigurationError: it is not a URL of PostgreSQL. The text is not shown, it holds a password.
    """
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.path.strip("/"):
        raise ConfigurationError(
            "LOGISTICS_SOURCE_DSN is not usable", remedy="set it to postgresql://user:password@host:port/database"
        )
    return {
        "conn_type": "postgres",
        "host": parts.hostname,
        "port": port,
        "login": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "schema": unquote(parts.path.lstrip("/")),
        "extra": dict(parse_qsl(parts.query)),
        "description": "the source system",
    }


def smtp(loaded: Settings, password: str | None) -> dict[str, Any]:
    """Return the mail server as the fields of a connection; the port says which TLS it speaks."""
    port = loaded["SMTP_PORT"]
    return {
        "conn_type": "smtp",
        "host": loaded["SMTP_HOST"],
        "port": port,
        "login": loaded["SMTP_USER"],
        "password": password,
        "extra": {
            "from_email": loaded["SMTP_FROM"],
            "to_email": loaded["SMTP_TO"] or loaded["SMTP_FROM"],
            # Real booleans: the provider takes the text "false" for true. Both on, its default, works nowhere.
            "disable_ssl": port != _SMTPS_PORT,
            "disable_tls": port != _SUBMISSION_PORT,
            "timeout": 5,
            "retry_limit": 1,
        },
        "description": "where alerts are mailed",
    }


def variables(loaded: Settings) -> list[tuple[str, str, str, bool]]:
    """Return key, value, description of each Variable, and whether it overrides what is there."""
    found = [
        (one.airflow_variable, str(loaded[one.name]), one.meaning, one.name in loaded.given)
        for one in settings.SETTINGS
        if one.kind is Kind.JOB
    ]
    # Where the tables are is decided by who starts the stack: jobs and command line must not look at different ones.
    found.append((LAKEHOUSE, loaded.lakehouse, settings.BY_NAME["LAKEHOUSE"].meaning, True))
    return found


def provision(given: dict[str, str], loaded: Settings) -> None:
    """Write all of it into Airflow's database in one transaction."""
    from airflow.utils.session import create_session

    with create_session() as session:
        for conn_id, fields in connections(given, loaded).items():
            _put_connection(session, conn_id, fields)
        if not loaded["SMTP_HOST"]:
            _drop_connection(session, SMTP)
        for key, value, description, override in variables(loaded):
            _put_variable(session, key, value, description, override=override)


def _put_connection(session: Session, conn_id: str, fields: dict[str, Any]) -> None:
    from airflow.models.connection import Connection
    from sqlalchemy import select

    found = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
    connection = found or Connection(conn_id=conn_id)
    for name in ("conn_type", "host", "port", "login", "password", "schema", "description"):
        setattr(connection, name, fields.get(name))
    connection.extra = json.dumps(fields.get("extra", {}))
    session.add(connection)


def _drop_connection(session: Session, conn_id: str) -> None:
    from airflow.models.connection import Connection
    from sqlalchemy import delete

    session.execute(delete(Connection).where(Connection.conn_id == conn_id))


def _put_variable(session: Session, key: str, value: str, description: str, *, override: bool) -> None:
    from airflow.models.variable import Variable
    from sqlalchemy import select

    found = session.scalar(select(Variable).where(Variable.key == key))
    if found is None:
        session.add(Variable(key=key, val=value, description=description))
        return
    found.description = description
    if override:
        found.set_val(value)


if __name__ == "__main__":
    provision(json.load(sys.stdin), settings.load())
