"""A stack with a warm session: a run computes there, does without it when it is lost, what is killed is cancelled."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.stack import Row, Stack, processes

pytestmark = pytest.mark.long

SUMMARY = (
    "SELECT status, count(*) AS n, sum(reading_count) AS readings FROM gold.shipment_analytics GROUP BY 1 ORDER BY 1"
)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, with a fleet in it."""
    settings = {"SETTLE_SECONDS": "1"}
    settings |= {"POKE_INTERVAL_SECONDS": "5", "SENSOR_TIMEOUT_SECONDS": "15"}
    one = Stack(tmp_path_factory.mktemp("warm") / "home", settings)
    try:
        one.must("up")
        one.must("seed")
        yield one
    finally:
        one.call("down")


def session(stack: Stack) -> Row:
    services: list[Row] = json.loads(stack.call("status", "--json").stdout)["services"]
    return next(service for service in services if service["name"] == "spark-session")


def log(stack: Stack) -> str:
    return (stack.home / "logs" / "spark-session.log").read_text(errors="replace")


def tasks_said(stack: Stack, run_id: str) -> str:
    folder = stack.home / "logs" / "airflow" / "dag_id=smart_logistics_pipeline" / f"run_id={run_id}"
    return "\n".join(file.read_text(errors="replace") for file in sorted(folder.rglob("*.log")))


def test_a_run_computes_there_and_starts_no_driver(warm: Stack) -> None:
    assert session(warm)["state"] == "healthy"
    run = warm.run()
    assert "driver of its own" not in tasks_said(warm, run["dag_run_id"])
    assert "nobody is here" in log(warm)
    assert sum(row["n"] for row in warm.query(SUMMARY)) == 100


def test_beside_the_stack_a_class_data_archive_is_made(warm: Stack) -> None:
    end = time.monotonic() + 300
    while not (made := list((warm.home / "spark" / "classes").glob("*.jsa"))) and time.monotonic() < end:
        time.sleep(1)
    (archive,) = made
    properties = (warm.home / "config" / "spark.properties").read_text()
    assert properties.count(archive.name) == 2
    # Who is up already is not troubled again.
    log_of = warm.home / "logs" / "class-archive.log"
    before = log_of.stat().st_size
    warm.must("up")
    assert log_of.stat().st_size == before


def test_a_killed_job_leaves_nothing_on_the_server(warm: Stack) -> None:
    before = log(warm).count("is gone: its session ends")
    code = warm.call("job", "bronze_ingest_sql", FAILPOINTS="bronze_ingest_sql.looked=kill-python").returncode
    assert code == 128 + signal.SIGKILL
    end = time.monotonic() + 60
    while log(warm).count("is gone: its session ends") == before and time.monotonic() < end:
        time.sleep(0.5)
    assert log(warm).count("is gone: its session ends") > before
    warm.must("job", "bronze_ingest_sql")


def test_without_the_server_the_same_run_goes_on_and_it_comes_back(warm: Stack) -> None:
    pid, readies = session(warm)["pid"], log(warm).count("ready")
    children = {one.pid for one in psutil.Process(pid).children(recursive=True)}
    psutil.Process(pid).send_signal(signal.SIGSTOP)
    try:
        said = warm.call("job", "silver_transactional")
        assert said.returncode == 0, said.stderr
        assert "is submitted with a driver of its own" in said.stderr
    finally:
        psutil.Process(pid).kill()
    end = time.monotonic() + 180
    while log(warm).count("ready") == readies and time.monotonic() < end:
        time.sleep(1)
    assert log(warm).count("ready") > readies
    assert session(warm)["pid"] != pid
    assert not children & {one.pid for one in processes(warm)}
    run = warm.run()
    assert "driver of its own" not in tasks_said(warm, run["dag_run_id"])
    assert sum(row["n"] for row in warm.query(SUMMARY)) == 100
