"""When a run ends, and when the next one starts: the run log is brought up to date."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from smart_logistics import settings
from smart_logistics.errors import LogisticsError
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
        with AirflowApi(Credentials.read(settings.load().home)) as api:
            count = record_ended(api, dag_id, connections.lakehouse())
    except LogisticsError as error:
        _log.error("the run log could not be written: %s", error)
    else:
        _log.info("run log: %d run(s) recorded", count)
