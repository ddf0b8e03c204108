"""How a process of Airflow's asks Airflow itself: through its API, as the user that its configuration names."""

from __future__ import annotations

import json
from pathlib import Path

from airflow.configuration import conf

from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration.api import AirflowApi, Credentials


def base_url() -> str:
    """Return where this machine reaches this Airflow; nothing where its configuration does not say so."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def api() -> AirflowApi:
    """Return a session with this Airflow's API.

    Raises:
        ConfigurationError: users are kept elsewhere, or nobody may read their passwords.
    """
    user = conf.get("core", "simple_auth_manager_users", fallback="").split(",")[0].split(":")[0]
    try:
        path = Path(conf.get("core", "simple_auth_manager_passwords_file", fallback=""))
        password = json.loads(path.read_text(encoding="utf-8"))[user]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"the password of Airflow's user {user!r} cannot be read: {type(error).__name__}",
            remedy="run `logistics up` again",
        ) from None
    return AirflowApi(Credentials(base_url(), user, password))
