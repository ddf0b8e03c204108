"""What the DAGs have in common: the policies of their tasks, and the task that runs a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from smart_logistics.orchestration.alerts import on_task_failure
from smart_logistics.orchestration.failures import ByCause
from smart_logistics.orchestration.spark_job import SparkJobOperator
from smart_logistics.settings import Settings


def task_defaults(given: Settings) -> dict[str, Any]:
    """Return the ``default_args`` of a DAG: retries by cause, a limit of time, a mail after the last try."""
    return {
        "owner": "data-platform",
        "retries": given["RETRIES"],
        "retry_delay": timedelta(seconds=given["RETRY_DELAY_SECONDS"]),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(seconds=given["MAX_RETRY_DELAY_SECONDS"]),
        "retry_policy": ByCause(),
        "execution_timeout": timedelta(minutes=given["TASK_TIMEOUT_MINUTES"]),
        "on_failure_callback": on_task_failure,
    }


def spark_job(name: str, given: Settings, **policies: Any) -> SparkJobOperator:
    """Return the task that runs one job of the catalog."""
    properties = str(given.home / "config" / "spark.properties")
    return SparkJobOperator(task_id=name, job=name, properties_file=properties, **policies)
