"""What a source may change and what it may not, keys that go, and a source that does not answer."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

import pytest

from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import SourceContractBroken, SourceUnavailable
from smart_logistics.jobs.row_extraction import RowExtraction
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from smart_logistics.sources import dsn
from smart_logistics.sources.dsn import Timeouts
from smart_logistics.sources.postgres import snapshot_of
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source
from tests.spark.bronze.test_sql_extraction import commits, customers, held


def gone(lake: Lake) -> list[tuple[Any, ...]]:
    found = tables.open_table(lake.root, bronze.SOURCE_DELETES)
    rows = found.to_pyarrow_table().to_pylist() if found is not None else []
    return sorted((row["source_table"], row["source_key"]) for row in rows)


def test_new_columns_are_kept_for_old_rows_too_and_lost_ones_harm_nothing(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, 1)
    extract()
    source.execute(
        "ALTER TABLE customers ADD COLUMN tier text DEFAULT 'gold', ADD COLUMN points int, ADD COLUMN tags jsonb,"
        ' ADD COLUMN "Odd (name); x" numeric, ADD COLUMN _run_id text',
        'INSERT INTO customers (customer_id, points, tags, "Odd (name); x", _run_id)'
        " VALUES (2, 5, '{\"a\": 1}', 'NaN', 'q')",
    )
    second = extract()
    assert (second["tables"], second["full_reads"]) == ({"customers": 2}, ["customers"])
    assert held(lake, "customers", "customer_id", "tier", "points", "tags", "_run_id") == [
        (1, "gold", None, None, "run"),
        (1, None, None, None, "run"),
        (2, "gold", 5, '{"a": 1}', "run"),
    ]
    found = tables.open_table(lake.root, bronze.EXTRACTED["customers"])
    assert found is not None
    (latest,) = [row for row in found.to_pyarrow_table().to_pylist() if row["customer_id"] == 2]
    others = {name: value for name, value in latest.items() if name.startswith(("Odd", "_run_id_"))}
    assert sorted(others.values()) == ["NaN", "q"]
    source.execute("ALTER TABLE customers DROP COLUMN tier", "UPDATE customers SET name = 'x' WHERE customer_id = 2")
    assert extract()["tables"] == {"customers": 1}


def test_kindred_types_are_taken_and_other_ones_refused_before_anything_is_written(
    lake: Lake, source: Source, extract: Extract
) -> None:
    source.execute(
        "CREATE TYPE state AS ENUM ('open')",
        "ALTER TABLE orders ALTER COLUMN status TYPE state USING status::state,"
        " ALTER COLUMN priority TYPE varchar(9), ALTER COLUMN customer_id TYPE bigint",
        "INSERT INTO orders (order_id, customer_id, status) VALUES ('a', 9, 'open'), ('b', 1::bigint << 40, NULL)",
    )
    extract()
    assert held(lake, "orders", "order_id", "customer_id", "status", "_rescued_data") == [
        ("a", 9, "open", None),
        ("b", None, None, '{"customer_id": "1099511627776"}'),
    ]
    customers(source, 1)
    source.execute(
        "ALTER TABLE orders ALTER COLUMN order_date TYPE text", "ALTER TABLE vehicles DROP COLUMN license_plate"
    )
    source.execute("DROP TABLE drivers")
    before = commits(lake, "customers")
    with pytest.raises(SourceContractBroken) as failure:
        extract()
    for part in ("drivers is missing", "vehicles.license_plate is missing", "orders.order_date has the type text"):
        assert part in failure.value.what
    assert commits(lake, "customers") == before


def test_deletes_are_noticed_once_and_a_key_that_returns_is_a_version(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, *range(1, 11))
    source.execute("INSERT INTO shipment_status_events VALUES (1, 's', 'Created', now())")
    extract()
    source.execute("DELETE FROM customers WHERE customer_id = 3", "DELETE FROM shipment_status_events")
    assert extract()["deleted"] == 0  # not due
    assert extract(hours=0)["deleted"] == 1
    assert extract(hours=0)["deleted"] == 0
    assert gone(lake) == [("customers", "3")]
    source.execute("INSERT INTO customers (customer_id, name, updated_at) VALUES (3, 'c3', '2026-01-01')")
    extract()
    source.execute("DELETE FROM customers WHERE customer_id = 3")
    extract(hours=0)
    source.execute("INSERT INTO customers (customer_id, name, updated_at) VALUES (3, 'c3', '2026-01-01')")
    assert extract(hours=0)["tables"] == {"customers": 1}
    assert extract(hours=0)["rows"] == 0
    assert gone(lake) == [("customers", "3"), ("customers", "3")]
    assert len([row for row in held(lake, "customers", "customer_id") if row == (3,)]) == 3


def test_a_mass_delete_stops_the_extraction_with_nothing_written(lake: Lake, source: Source, extract: Extract) -> None:
    customers(source, *range(1, 11))
    extract()
    source.execute("DELETE FROM customers WHERE customer_id < 4", "INSERT INTO drivers (driver_id) VALUES (1)")
    before = {table.name: commits(lake, table.name) for table in bronze.TABLES}
    assert before["source_deletes"] == -1
    with pytest.raises(SourceContractBroken, match="3 of 10 keys of customers"):
        extract(hours=0)
    assert before == {table.name: commits(lake, table.name) for table in bronze.TABLES}
    assert extract(hours=0, percent=30)["deleted"] == 3


def test_another_history_is_read_in_full_and_only_differences_are_kept(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, 1, 2)
    extract()
    source.execute(
        "CREATE TABLE copy (LIKE customers INCLUDING ALL)",
        "INSERT INTO copy SELECT * FROM customers WHERE customer_id = 1",
        "INSERT INTO copy (customer_id, name) VALUES (3, 'c3')",
        "DROP TABLE customers",
        "ALTER TABLE copy RENAME TO customers",
    )
    result = extract()
    assert (result["tables"], result["full_reads"], result["deleted"]) == ({"customers": 1}, ["customers"], 1)
    assert gone(lake) == [("customers", "2")]


def test_rights_on_some_columns_or_rows_are_refused(
    source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 'only-read'",
        "GRANT USAGE ON SCHEMA logistics TO reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA logistics TO reader",
    )
    customers(source, 1)
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", f"postgresql://reader:only-read@127.0.0.1:{source.server.port}/postgres")
    assert extract()["rows"] == 1
    source.execute("ALTER TABLE customers ENABLE ROW LEVEL SECURITY", "UPDATE customers SET name = 'x'")
    with pytest.raises(SourceContractBroken, match="row-level security"):
        extract()
    source.execute("REVOKE SELECT ON orders FROM reader", "GRANT SELECT (order_id) ON orders TO reader")
    with pytest.raises(SourceContractBroken, match="permission denied"):
        extract()


def test_a_wrong_password_is_named_without_being_shown(
    source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "LOGISTICS_SOURCE_DSN", f"postgresql://office:s3cret-canary@127.0.0.1:{source.server.port}/postgres"
    )
    with pytest.raises(SourceUnavailable) as failure:
        extract()
    assert "authentication failed" in str(failure.value)
    assert "canary" not in str(failure.value)


def test_a_server_that_accepts_and_says_nothing_fails_in_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = dsn.parse(f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/d", Timeouts(connect_seconds=2))
        began = time.monotonic()
        with pytest.raises(SourceUnavailable), snapshot_of(address, SOURCE_TABLES):
            pass
        assert time.monotonic() - began < 20


def test_a_server_that_stops_in_a_query_fails_in_bounded_time(source: Source) -> None:
    address = dsn.parse(source.dsn, Timeouts(connect_seconds=2, query_seconds=1))
    with snapshot_of(address, SOURCE_TABLES) as connection:
        with source.connect() as other:
            (backend,) = other.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'smart_logistics'"
            ).fetchone() or (0,)
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(SourceUnavailable):
                connection.relations(SOURCE_TABLES)
        finally:
            os.kill(backend, signal.SIGCONT)


def test_a_connection_cut_in_mid_read_leaves_nothing_and_the_retry_completes(
    lake: Lake, source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute("INSERT INTO customers (customer_id, name) SELECT n, 'c' FROM generate_series(1, 50) n")
    look = RowExtraction.take

    def cut(self: Any) -> int:
        source.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return look(self)

    with monkeypatch.context() as patch:
        patch.setattr(RowExtraction, "take", cut)
        with pytest.raises(SourceUnavailable):
            extract()
    assert held(lake, "customers", "customer_id") == []
    assert extract()["rows"] == 50
