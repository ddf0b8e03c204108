"""One server for the whole run, its tables made anew for each test, and the job as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smart_logistics.jobs import bronze_ingest_sql
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.store import Lake
from tests.postgres import running
from tests.spark.bronze.source import Source

Extract = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def running_server() -> Iterator[Source]:
    with running() as server:
        yield Source(server)


@pytest.fixture
def source(running_server: Source, monkeypatch: pytest.MonkeyPatch) -> Source:
    running_server.reset()
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", running_server.dsn)
    return running_server


@pytest.fixture
def lake(lake: Lake) -> Lake:
    lake.job = "bronze_ingest_sql"
    return lake


@pytest.fixture
def extract(lake: Lake, source: Source) -> Extract:
    def run(*, hours: int = 24, percent: int = 20, full: int = 0) -> dict[str, Any]:
        settings = {"DELETE_CHECK_HOURS": hours, "MAX_DELETE_PERCENT": percent, "FULL_READ": full}
        return dict(bronze_ingest_sql.run(Context(lake, "run", "", settings)))

    return run
