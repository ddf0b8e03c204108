"""The connection alone decides where the jobs run; and it is as versioned again after the next `up`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from smart_logistics.jobs.catalog import PIPELINE
from tests.e2e.lake import everything
from tests.e2e.monitors import api
from tests.e2e.stack import Stack, states

pytestmark = pytest.mark.long

SPARK = "logistics_spark"
MASTER = "local[2]"


@pytest.fixture(scope="module", autouse=True)
def is_up(lived_in: Stack) -> None:
    lived_in.must("up")


@pytest.fixture(scope="module")
def own_master(stack: Stack) -> str:
    """The master of the stack's own cluster."""
    return host(stack)


@pytest.fixture(scope="module")
def run(stack: Stack, own_master: str) -> Iterator[dict[str, Any]]:
    """A run after somebody has edited the host of the connection, and nothing else."""
    edit = {"connection_id": SPARK, "conn_type": "spark", "host": MASTER}
    with api(stack) as ours:
        ours.request("PATCH", f"/connections/{SPARK}", json=edit, params={"update_mask": "host"})
    yield stack.run()
    stack.must("up")


def host(stack: Stack) -> str:
    with api(stack) as ours:
        return str(ours.request("GET", f"/connections/{SPARK}")["host"])


def logs(stack: Stack, run_id: str, task_id: str) -> str:
    folder = stack.home / "logs" / "airflow" / "dag_id=smart_logistics_pipeline" / f"run_id={run_id}"
    return "".join(path.read_text(errors="replace") for path in (folder / f"task_id={task_id}").glob("*.log"))


def test_every_job_runs_where_the_connection_says(stack: Stack, own_master: str, run: dict[str, Any]) -> None:
    assert own_master.startswith("spark://127.0.0.1:")
    assert host(stack) == MASTER
    submitted = {task for task, state in states(run).items() if task in PIPELINE and state == "success"}
    assert submitted >= PIPELINE.keys() - {"bronze_ingest_iot"}
    for task in submitted:
        text = logs(stack, run["dag_run_id"], task)
        assert f"--master {MASTER}" in text, task
        assert f"--master {own_master}" not in text


def test_what_comes_of_it_is_the_same(stack: Stack, run: dict[str, Any]) -> None:
    """The run found nothing new: another master is no reason to change a row."""
    assert run["state"] == "success"
    before = everything(stack)
    assert before
    stack.run()
    assert everything(stack) == before


def test_the_next_up_makes_the_connection_what_the_file_says(
    stack: Stack, own_master: str, run: dict[str, Any]
) -> None:
    assert run["state"] == "success"
    stack.must("up")
    assert host(stack) == own_master
