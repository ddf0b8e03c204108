"""What the running Airflow says of the pipeline's tasks: edges, retries, delays, limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from smart_logistics.orchestration.api import AirflowApi

DAG = "smart_logistics_pipeline"


@dataclass(frozen=True)
class Policies:
    """By task, but for what the DAG says once for all."""

    retries: dict[str, int]
    delays: dict[str, timedelta]
    timeouts: dict[str, timedelta]
    grows: dict[str, float]
    rules: dict[str, str]
    longest: timedelta
    run_timeout: timedelta


def tasks(ours: AirflowApi) -> list[dict[str, Any]]:
    return list(ours.request("GET", f"/dags/{DAG}/tasks")["tasks"])


def edges(ours: AirflowApi) -> dict[str, set[str]]:
    """Return the tasks behind each task."""
    return {task["task_id"]: set(task["downstream_task_ids"]) for task in tasks(ours)}


def policies(ours: AirflowApi) -> Policies:
    """Read them from the DAG as the scheduler has it."""
    found = tasks(ours)
    details = ours.request("GET", f"/dags/{DAG}/details")
    return Policies(
        retries={task["task_id"]: int(task["retries"]) for task in found},
        delays={task["task_id"]: span(task["retry_delay"]) for task in found},
        timeouts={task["task_id"]: span(task["execution_timeout"]) for task in found},
        grows={task["task_id"]: task["retry_exponential_backoff"] for task in found},
        rules={task["task_id"]: task["trigger_rule"] for task in found},
        longest=span(details["default_args"]["max_retry_delay"]),
        run_timeout=span(details["dag_run_timeout"]),
    )


def span(told: Any) -> timedelta:
    """Read a time span in one of the ways in which Airflow's API writes it."""
    if isinstance(told, dict):
        return timedelta(days=told["days"], seconds=told["seconds"], microseconds=told["microseconds"])
    if isinstance(told, (int, float)):
        return timedelta(seconds=told)
    parts = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", told)
    assert parts, told
    days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
