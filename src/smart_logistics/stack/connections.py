"""How others reach what runs here, read from what `up` wrote into the home: every command agrees with the stack."""

from __future__ import annotations

import json
from pathlib import Path

from smart_logistics.contracts.source import DATABASE as SOURCE_DATABASE
from smart_logistics.errors import ConfigurationError, EnvironmentFault
from smart_logistics.orchestration import config_files, provision
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, ports, postgres
from smart_logistics.stack.credentials import secret, write_private
from smart_logistics.stack.home import Home
from smart_logistics.stack.ports import Ports

_UP = "run `logistics up` first"


def _source_file(home: Home) -> Path:
    return home.secrets / "source-dsn"


def remember_source(settings: Settings, home: Home, chosen: Ports) -> str:
    """Write down and return the DSN of the source: the given one, else the embedded server's."""
    dsn = settings["SOURCE_DSN"] or postgres.dsn(home, chosen, SOURCE_DATABASE)
    write_private(_source_file(home), dsn + "\n")
    return str(dsn)


def remember_secrets(settings: Settings, home: Home, dsn: str) -> None:
    """Write the connections that hold secrets where Airflow's backend reads them; not where another one holds them.

    Raises:
        ConfigurationError: config/connections.yaml is not usable.
    """
    if settings["SECRETS_BACKEND"]:
        home.connections.unlink(missing_ok=True)
        return
    kept = provision.connections(config_files.SECRETS, settings, dsn)
    write_private(home.connections, json.dumps(kept, indent=2) + "\n")


def source_dsn(settings: Settings) -> str:
    """Return the DSN of the source database: the given one, else the one that `up` wrote down. It is a secret.

    Raises:
        ConfigurationError: there is neither.
    """
    if settings["SOURCE_DSN"]:
        return str(settings["SOURCE_DSN"])
    try:
        return _source_file(Home.of(settings)).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ConfigurationError("no source database is known", remedy=f"{_UP}, or set LOGISTICS_SOURCE_DSN") from None


def airflow_api(settings: Settings) -> tuple[str, str, str]:
    """Return address, user and password of Airflow's API. The password is a secret.

    Raises:
        EnvironmentFault: this home has no stack yet.
    """
    home = Home.of(settings)
    chosen = ports.kept(home)
    if not (home.secrets / airflow.PASSWORD).exists() or not chosen:
        raise EnvironmentFault(f"there is no stack in {home.root}", remedy=_UP)
    return airflow.base_url(Ports(chosen)), airflow.USER, secret(home, airflow.PASSWORD)
