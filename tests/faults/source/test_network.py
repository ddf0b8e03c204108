"""The source refuses, hangs, or is cut off at any byte: an error in bounded time, nothing partial, a good retry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import SourceUnavailable
from smart_logistics.jobs.row_extraction import RowExtraction
from smart_logistics.lake.store import Lake
from smart_logistics.sources import dsn
from smart_logistics.sources.dsn import Timeouts
from smart_logistics.sources.postgres import snapshot_of
from tests.faults.source.proxy import Fault, Proxy, proxy_to
from tests.postgres import free_port
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source
from tests.spark.bronze.test_sql_extraction import held

SHORT = Timeouts(connect_seconds=2, read_seconds=3, query_seconds=3)
# Their sum, and what the rest of an extraction takes on a machine that is busy with other things.
BOUND_SECONDS = 100
ROWS = {"customers": ("customer_id", "name"), "drivers": ("driver_id", "name"), "orders": ("order_id", "priority")}
COUNT = 300


@pytest.fixture
def proxy(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for table, (key, text) in ROWS.items():
        source.execute(
            f"INSERT INTO {table} ({key}, {text}) SELECT n, n || repeat('x', 900) FROM generate_series(1, {COUNT}) n"
        )
    with proxy_to(source.server.port) as proxy:
        monkeypatch.setenv("LOGISTICS_SOURCE_DSN", source.dsn.replace(f":{source.server.port}/", f":{proxy.port}/"))
        monkeypatch.setattr(dsn, "Timeouts", lambda: SHORT)
        yield proxy


def fails(extract: Extract) -> str:
    began = time.monotonic()
    with pytest.raises(SourceUnavailable) as failure:
        extract()
    assert time.monotonic() - began < BOUND_SECONDS
    return str(failure.value)


def whole_tables(lake: Lake) -> list[str]:
    """Return which tables are there; a part of one fails the test."""
    counts = {table: len(held(lake, table, key)) for table, (key, _) in ROWS.items()}
    assert set(counts.values()) <= {0, COUNT}
    return [table for table, count in counts.items() if count]


def is_complete(lake: Lake, source: Source) -> bool:
    with source.connect() as connection:
        return all(
            held(lake, table, key, text)
            == sorted(connection.execute(f"SELECT {key}, {text} FROM {table}".encode()).fetchall(), key=repr)
            for table, (key, text) in ROWS.items()
        )


def test_a_source_that_refuses_is_named_and_the_default_bounds_are_what_the_documentation_says(
    source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = free_port()
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", source.dsn.replace(f":{source.server.port}/", f":{nobody}/"))
    message = fails(extract)
    assert f"127.0.0.1:{nobody}" in message
    assert "refused" in message
    assert Timeouts() == Timeouts(connect_seconds=10, read_seconds=120, query_seconds=900)


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "stalled"])
def test_the_connection_of_the_snapshot_fails_at_any_byte_in_bounded_time(
    proxy: Proxy, source: Source, cut: bool
) -> None:
    address = dsn.parse(source.dsn.replace(f":{source.server.port}/", f":{proxy.port}/"), SHORT)

    def ask() -> int:
        with snapshot_of(address, SOURCE_TABLES) as connection:
            return len(connection.relations(SOURCE_TABLES))

    assert ask() == len(SOURCE_TABLES)
    (whole,) = proxy.answered
    sweep = range(0, whole, whole // 24) if cut else (0, whole // 2, whole - 50)
    for after in sweep:
        proxy.misbehave(Fault(after=after, cut=cut))
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=f"127.0.0.1:{proxy.port}"):
            ask()
        assert time.monotonic() - began < BOUND_SECONDS
    proxy.misbehave(None)
    assert ask() == len(SOURCE_TABLES)


def test_a_read_that_is_cut_or_stalls_at_any_byte_leaves_whole_tables_only_and_the_retry_completes(
    lake: Lake, source: Source, extract: Extract, proxy: Proxy
) -> None:
    seen: list[list[str]] = []
    for fault in (
        Fault(first=1, after=0),
        Fault(first=1, after=700),
        Fault(first=1, after=20_000),
        Fault(first=1, after=250_000),
        Fault(first=1, after=0, cut=False),
        Fault(first=1, after=150_000, cut=False),
        # Some tables' connections have passed by then.
        Fault(first=6, after=100_000),
    ):
        proxy.misbehave(fault)
        message = fails(extract)
        assert f"127.0.0.1:{proxy.port}" in message
        assert "cut off" in message
        seen.append(whole_tables(lake))
    assert seen == sorted(seen, key=len), "what was committed stays"
    proxy.misbehave(Fault(delay=0.002))  # slow is not gone
    assert extract()["rows"] == COUNT * (len(ROWS) - len(seen[-1]))
    assert is_complete(lake, source)
    assert extract()["rows"] == 0


def test_too_many_connections_are_named_and_the_retry_completes(
    lake: Lake, source: Source, extract: Extract, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limit(connections: int) -> None:
        source.execute(f"ALTER ROLE crowd CONNECTION LIMIT {connections}")

    source.execute(
        "DROP ROLE IF EXISTS crowd",
        "CREATE ROLE crowd LOGIN PASSWORD 'only-read'",
        "GRANT USAGE ON SCHEMA logistics TO crowd",
        "GRANT SELECT ON ALL TABLES IN SCHEMA logistics TO crowd",
    )
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", f"postgresql://crowd:only-read@127.0.0.1:{proxy.port}/postgres")
    for connections in (0, 1):  # none for the snapshot; none beside it
        limit(connections)
        assert "too many connections" in fails(extract)
        assert whole_tables(lake) == []
    limit(-1)
    assert extract()["rows"] == COUNT * len(ROWS)
    assert is_complete(lake, source)


def test_a_server_that_goes_away_between_two_tables_is_named(
    lake: Lake, source: Source, extract: Extract, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:

    look = RowExtraction.look

    def cut_at_the_last(self: Any) -> Any:
        if self.source is SOURCE_TABLES[-1]:
            proxy.close_all()
        return look(self)

    with monkeypatch.context() as patch:
        patch.setattr(RowExtraction, "look", cut_at_the_last)
        fails(extract)
    assert whole_tables(lake) == []
