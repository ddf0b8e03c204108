"""How hard the fault tests try: a sample by default, which the gate runs; `make` targets ask for the whole."""

from __future__ import annotations

import pytest

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
