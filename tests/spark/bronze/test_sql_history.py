"""Changes that no row's transaction number tells of: they are noticed, and the table is read in full."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smart_logistics.bronze import fences
from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import SourceUnavailable
from smart_logistics.lake.store import Lake
from smart_logistics.sources import dsn
from smart_logistics.sources.postgres import snapshot_of
from tests.postgres import NOBODY, PACKAGE, running
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source
from tests.spark.bronze.test_sql_contract import gone
from tests.spark.bronze.test_sql_extraction import customers, held


def latest(lake: Lake, table: str, key: str, *columns: str) -> dict[Any, tuple[Any, ...]]:
    rows = sorted(held(lake, table, key, "_ingested_at", *columns), key=lambda row: row[1])
    return {row[0]: row[2:] for row in rows}


def test_values_that_change_without_a_row_being_written_are_found(lake: Lake, source: Source, extract: Extract) -> None:
    source.execute(
        "CREATE TYPE state AS ENUM ('open', 'shut')",
        "ALTER TABLE orders ALTER COLUMN status TYPE state USING status::state",
        "INSERT INTO orders (order_id, status) VALUES ('o', 'open')",
        "ALTER TABLE drivers DROP COLUMN name,"
        " ADD COLUMN name text GENERATED ALWAYS AS ('Dr ' || phone_number) VIRTUAL",
        "INSERT INTO drivers (driver_id, phone_number) VALUES (1, '7')",
        "INSERT INTO customers (customer_id, name, city, phone) VALUES (1, 'name', 'city', 'phone')",
    )
    extract()
    source.execute(
        "ALTER TABLE drivers ALTER COLUMN name SET EXPRESSION AS ('Mr ' || phone_number)",
        "ALTER TYPE state RENAME VALUE 'open' TO 'opened'",
        "ALTER TABLE customers RENAME name TO swapped",
        "ALTER TABLE customers RENAME city TO name",
        "ALTER TABLE customers RENAME swapped TO city",
        "ALTER TABLE customers DROP COLUMN phone",
        "ALTER TABLE customers ADD COLUMN phone text DEFAULT 'none'",
    )
    assert extract()["tables"] == {"customers": 1, "drivers": 1, "orders": 1}
    assert latest(lake, "drivers", "driver_id", "name") == {1: ("Mr 7",)}
    assert latest(lake, "orders", "order_id", "status") == {"o": ("opened",)}
    assert latest(lake, "customers", "customer_id", "name", "city", "phone") == {1: ("city", "name", "none")}


def test_a_copy_of_the_database_on_the_same_server_is_another_history(
    lake: Lake, source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(source, 1, 2)
    with psycopg.connect(source.server.dsn("template1"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS copied")
        connection.execute("CREATE DATABASE copied TEMPLATE postgres")
    with psycopg.connect(source.server.dsn("copied"), autocommit=True) as connection:
        connection.execute("UPDATE logistics.customers SET name = 'in the copy' WHERE customer_id = 1")
    customers(source, 3)
    extract()
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", source.server.dsn("copied"))
    result = extract()
    assert (result["tables"], result["deleted"]) == ({"customers": 1}, 1)
    assert latest(lake, "customers", "customer_id", "name")[1] == ("in the copy",)
    assert gone(lake) == [("customers", "3")]


def test_a_partitioned_table_is_read_behind_its_fence_until_a_partition_brings_old_rows(
    lake: Lake, source: Source, extract: Extract
) -> None:
    source.execute(
        "CREATE TABLE old (LIKE customers INCLUDING DEFAULTS)",
        "INSERT INTO old (customer_id, name) VALUES (900, 'attached')",
        "DROP TABLE customers",
        "CREATE TABLE customers (LIKE old INCLUDING DEFAULTS) PARTITION BY RANGE (customer_id)",
        "CREATE TABLE low PARTITION OF customers FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE high PARTITION OF customers FOR VALUES FROM (100) TO (200)",
    )
    customers(source, 1, 2, 101)
    extract()
    source.execute("UPDATE customers SET customer_id = 150 WHERE customer_id = 2")
    customers(source, 102)
    second = extract()
    assert (second["tables"], second["full_reads"]) == ({"customers": 2}, [])
    source.execute("ALTER TABLE customers ATTACH PARTITION old FOR VALUES FROM (900) TO (1000)")
    third = extract()
    assert (third["tables"], third["full_reads"], third["deleted"]) == ({"customers": 1}, ["customers"], 1)
    source.execute("ALTER TABLE customers DETACH PARTITION old")
    assert extract()["deleted"] == 1
    assert gone(lake) == [("customers", "2"), ("customers", "900")]
    assert sorted(latest(lake, "customers", "customer_id")) == [1, 2, 101, 102, 150, 900]


def test_what_is_no_heap_is_read_in_full(lake: Lake, source: Source, extract: Extract) -> None:
    source.execute(
        "DROP ACCESS METHOD IF EXISTS other CASCADE",
        "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler",
        "ALTER TABLE customers SET ACCESS METHOD other",
        "CREATE TABLE people AS SELECT 1 AS driver_id, 'd'::text AS name, ''::text AS phone_number, ''::text AS"
        " license_number, ''::text AS status, 1::numeric AS rating, now() AS created_at, now() AS updated_at",
        "DROP TABLE drivers",
        "CREATE VIEW drivers AS SELECT * FROM people",
    )
    customers(source, 1)
    extract()
    customers(source, 2)
    source.execute("UPDATE people SET name = 'e'")
    second = extract()
    assert (second["tables"], second["full_reads"]) == ({"customers": 1, "drivers": 1}, ["customers", "drivers"])


def test_a_server_that_crashes_gives_no_number_again_that_a_settled_snapshot_saw(source: Source) -> None:
    # The end of a rolled back transaction is on disk a moment later only; here that moment is long.
    source.execute("ALTER SYSTEM SET wal_writer_delay = '4s'", "SELECT pg_reload_conf()", "SELECT pg_switch_wal()")
    try:
        with source.connect() as undone:
            undone.execute("INSERT INTO customers (customer_id, name) VALUES (3, 'undone')")
            undone.rollback()
        with snapshot_of(dsn.parse(source.dsn), SOURCE_TABLES) as connection:
            connection.settle()
            with source.connect() as victim:
                os.kill(victim.info.backend_pid, signal.SIGKILL)  # which makes the server begin anew
        _wait_for(source)
        with source.connect() as later:
            (number,) = later.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
        assert number >= connection.snapshot.xmax
    finally:
        _wait_for(source)
        source.execute("ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()")


def _wait_for(source: Source) -> None:
    for _ in range(600):
        try:
            return source.execute("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise TimeoutError("the server does not come back")


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    with running() as server:
        one = Source(server)
        one.reset()
        monkeypatch.setenv("LOGISTICS_SOURCE_DSN", one.dsn)
        yield one


def _restart_as_standby(source: Source) -> None:
    with source.connect() as connection:
        data = Path((connection.execute("SHOW data_directory").fetchone() or ("",))[0])
    (data / "standby.signal").touch()
    programs = data.parent / PACKAGE.name
    program = (programs if programs.exists() else PACKAGE) / "pginstall18" / "bin" / "pg_ctl"
    as_root = os.geteuid() == 0
    identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_root else {}
    with (data.parent / "output").open("ab") as output:
        subprocess.run(
            [program, "-D", data, "-m", "fast", "-w", "-l", data.parent / "log", "restart"],
            check=True, stdout=output, stderr=output, cwd=data.parent, **identity,
        )  # fmt: skip


def test_a_standby_is_refused_and_read_in_full_once_it_is_the_primary(
    lake: Lake, extract: Extract, own_server: Source
) -> None:
    customers(own_server, 1)
    extract()
    customers(own_server, 2)
    _restart_as_standby(own_server)
    with pytest.raises(SourceUnavailable, match="is a standby"):
        extract()
    own_server.execute("SELECT pg_promote()")
    result = extract()
    assert result["tables"] == {"customers": 1}
    assert "customers" in result["full_reads"]
    assert {**extract(), "read": 0} == {"read": 0, "rows": 0, "tables": {}, "deleted": 0, "full_reads": []}


def test_a_full_read_that_somebody_asks_for_finds_what_a_server_set_back_unnoticed_would_hide(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, 1, 2)
    extract()
    source.execute("DELETE FROM customers WHERE customer_id = 1")
    # As if transactions up to here had been seen on a server that was then set back and wrote others.
    customers(source, 3)
    found = fences.load(lake.root)
    with source.connect() as connection:
        (now,) = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone() or (0,)
    ahead = {name: replace(one, fence=replace(one.fence, xmin=now, xmax=now)) for name, one in found.items()}
    fences.store(lake.root, ahead, datetime.now(UTC), "run")
    assert extract()["rows"] == 0
    result = extract(full=1)
    assert (result["tables"], result["deleted"]) == ({"customers": 1}, 1)
    assert "customers" in result["full_reads"]
    assert {**extract(), "read": 0} == {"read": 0, "rows": 0, "tables": {}, "deleted": 0, "full_reads": []}
