"""Connections and Variables as code: ``python -m smart_logistics.orchestration.provision``, which `logistics up` runs.

What there is to be stands in `config/` (see ``config_files``), what the values are in the settings. Any number of times
gives the same: connections are written as the file says, a Variable whose setting is given in the environment is set to
it, any other is only created where it does not exist, so that edits in the UI survive. A connection that holds a secret
is not written into Airflow's database, and taken out of it: the secrets backend has it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError, LogisticsError
from smart_logistics.orchestration import config_files
from smart_logistics.orchestration.config_files import FOLDER, TYPES, kept_port
from smart_logistics.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_SMTPS_PORT, _SUBMISSION_PORT = 465, 587


def connections(
    keep: str, loaded: Settings, source_dsn: str | None = None, folder: Path = FOLDER
) -> dict[str, dict[str, Any]]:
    """Return the fields of each connection that is to be kept there, by its id; without a value there is no field.

    Args:
        keep: ``config_files.DATABASE`` or ``SECRETS``.
        loaded: the settings.
        source_dsn: the source where it is the stack's own and in no setting.
        folder: where the file lies.

    Raises:
        ConfigurationError: the file or a setting is not usable.
    """
    value_of = values(loaded, source_dsn)
    return {
        entry.conn_id: _with_dsn(entry.filled(value_of))
        for entry in config_files.read_connections(folder)
        if entry.keep == keep and (entry.only_with is None or loaded[entry.only_with])
    }


def values(loaded: Settings, source_dsn: str | None = None) -> Callable[[str], Any]:
    """Return what gives a placeholder its value: a setting, its default by the stack, or what follows from settings."""
    made: dict[str, Callable[[], Any]] = {
        "SOURCE_DSN": lambda: source_dsn or loaded["SOURCE_DSN"],
        # The provider takes a host with a scheme, or without a port, as the whole master URL.
        "SPARK_MASTER": lambda: spark_master(loaded),
        "LANDING": lambda: str(loaded.landing),
        "LAKEHOUSE": lambda: loaded.lakehouse,
        "SMTP_TO": lambda: loaded["SMTP_TO"] or loaded["SMTP_FROM"],
        # Real booleans: the provider takes the text "false" for true. Both on, its default, works nowhere.
        "SMTP_DISABLE_SSL": lambda: loaded["SMTP_PORT"] != _SMTPS_PORT,
        "SMTP_DISABLE_TLS": lambda: loaded["SMTP_PORT"] != _SUBMISSION_PORT,
    }
    return lambda name: made[name]() if name in made else loaded[name]


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


def _with_dsn(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with a ``dsn`` among them taken apart."""
    dsn = fields.pop("dsn", None)
    return fields if dsn is None else fields | postgres(dsn)


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
        "host": parts.hostname,
        "port": port,
        "login": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "schema": unquote(parts.path.lstrip("/")),
        "extra": dict(parse_qsl(parts.query)),
    }


def variables(loaded: Settings, folder: Path = FOLDER) -> list[tuple[str, str, str, bool]]:
    """Return key, value, description of each Variable, and whether it overrides what is there."""
    value_of = values(loaded)
    return [
        (
            entry.key,
            str(value_of(entry.setting)),
            settings.BY_NAME[entry.setting].meaning,
            entry.always or entry.setting in loaded.given,
        )
        for entry in config_files.read_variables(folder)
    ]


def provision(loaded: Settings, folder: Path = FOLDER) -> None:
    """See that the secrets backend answers, then write the rest into Airflow's database in one transaction.

    Raises:
        ConfigurationError: a file or setting is not usable, or the backend does not have what it should.
    """
    from airflow.utils.session import create_session

    from smart_logistics.orchestration.start_check import check_backend

    kept, rows = connections(config_files.DATABASE, loaded, folder=folder), variables(loaded, folder)
    check_backend()
    with create_session() as session:
        for conn_id, fields in kept.items():
            _put_connection(session, conn_id, fields)
        for conn_id in TYPES.keys() - kept.keys():
            _drop_connection(session, conn_id)
        for key, value, description, override in rows:
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
    try:
        provision(settings.load())
    except LogisticsError as error:
        sys.exit(str(error))
