"""One PostgreSQL for all tests of the fleet, a database for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.postgres import Server, running

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def source(server: Server) -> str:
    """DSN of an empty database."""
    return server.new_database(f"source_{next(_numbers)}")
