"""When a run ends, and when the next one starts: the run log is brought up to date."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import conf

from smart_logistics.errors import ConfigurationError, LogisticsError
from smart_logistics.orchestration import connections
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.orchestration.run_record import record_ended

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)


def on_run_end(context: Context) -> None:
    """Record the run that ends here, and any other that is not recorded. Airflow calls it in the DAG processor."""
    heal(str(context["dag"].dag_id))


def heal(dag_id: str) -> None:
    """Record every recent run that has ended and is not recorded as it is.

    What the pipeline says about itself must not stop it: a failure is logged as an error, and the next call makes it
    good.
    """
    try:
        with AirflowApi(_credentials()) as api:
            count = record_ended(api, dag_id, connections.lakehouse())
    except LogisticsError as error:
        _log.error("the run log could not be written: %s", error)
    else:
        _log.info("run log: %d run(s) recorded", count)


def _credentials() -> Credentials:
    """Return the API's address and its first user, as this process's own configuration names them.

    Raises:
        ConfigurationError: users are kept elsewhere, or nobody may read their passwords.
    """
    user = conf.get("core", "simple_auth_manager_users", fallback="").split(",")[0].split(":")[0]
    base_url = conf.get("api", "base_url", fallback="")
    try:
        path = Path(conf.get("core", "simple_auth_manager_passwords_file", fallback=""))
        password = json.loads(path.read_text(encoding="utf-8"))[user]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"the password of Airflow's user {user!r} cannot be read: {type(error).__name__}",
            remedy="run `logistics up` again",
        ) from None
    return Credentials(base_url, user, password)
