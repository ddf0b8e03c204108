"""How hard the fault tests try: a sample by default, which the gate runs; `make` targets ask for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.postgres import running
from tests.spark.bronze.source import Source
from tests.spark.conftest import lake, spark  # noqa: F401 - fixtures


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the sizes; each has a `make` target that sets it."""
    parser.addoption("--seed", type=int, default=20261124, help="of everything that is random")
    parser.addoption("--records", type=int, default=20_000, help="records to damage (make fuzz: 1,000,000)")
    parser.addoption("--transactions", type=int, default=2_000, help="of the writers (make load: 100,000)")
    parser.addoption("--kills", type=int, default=5, help="at random moments (make random-kills: 200)")
    parser.addoption(
        "--whole-matrix", action="store_true", help="every step with every kind of kill (make kill-matrix)"
    )


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """What every random choice derives from; printed by a failing test's parameters or message."""
    given: int = request.config.getoption("--seed")
    return given


@pytest.fixture(scope="session")
def kill_source() -> Iterator[Source]:
    """The database of the sites whose jobs are killed."""
    with running() as server:
        yield Source(server)


@pytest.fixture(scope="session")
def kill_jars(spark: SparkSession) -> Path:  # noqa: F811 - the fixture
    """The jars that the session of the tests runs with, for those that are submitted."""
    return Path(str(spark.conf.get("spark.driver.extraClassPath"))).parent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many kills were caught up with, of how many."""
    counted = {
        outcome: sum("is_caught_up_with" in report.nodeid for report in terminalreporter.getreports(outcome))
        for outcome in ("passed", "failed", "error")
    }
    if any(counted.values()):
        terminalreporter.write_line(f"kills caught up with: {counted['passed']}/{sum(counted.values())}")
