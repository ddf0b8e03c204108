"""What others do while an extraction lasts, and what a server or a role says about its transactions."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import SourceContractBroken, SourceUnavailable
from smart_logistics.jobs.row_extraction import RowExtraction
from smart_logistics.lake.store import Lake
from smart_logistics.sources import dsn, postgres
from smart_logistics.sources.postgres import snapshot_of
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source
from tests.spark.bronze.test_sql_contract import gone
from tests.spark.bronze.test_sql_extraction import customers, held


@pytest.fixture
def reader(source: Source, monkeypatch: pytest.MonkeyPatch) -> str:
    """A role that may SELECT and nothing else; the job is it."""
    source.execute(
        "DROP ROLE IF EXISTS visitor",
        "CREATE ROLE visitor LOGIN PASSWORD 'only-read'",
        "GRANT USAGE ON SCHEMA logistics TO visitor",
        "GRANT SELECT ON ALL TABLES IN SCHEMA logistics TO visitor",
    )
    address = f"postgresql://visitor:only-read@127.0.0.1:{source.server.port}/postgres"
    monkeypatch.setenv("LOGISTICS_SOURCE_DSN", address)
    return address


def test_timeouts_and_formats_that_a_role_has_do_not_reach_the_extraction(
    lake: Lake, source: Source, extract: Extract, reader: str
) -> None:
    of_the_role = {
        "statement_timeout": "'60s'", "idle_in_transaction_session_timeout": "'1s'", "transaction_timeout": "'1s'",
        "datestyle": "'German, DMY'", "intervalstyle": "'sql_standard'", "bytea_output": "'escape'",
        "default_transaction_isolation": "'serializable'", "search_path": "nowhere",
        "standard_conforming_strings": "off", "timezone": "'Asia/Kathmandu'",
    }  # fmt: skip
    source.execute(
        "ALTER TABLE customers ADD COLUMN seen date, ADD COLUMN raw bytea",
        "INSERT INTO customers (customer_id, name, seen, raw, created_at)"
        r" VALUES (1, E'a\\b', '2026-01-31', '\x00ff', '2026-01-01 00:00:00+00')",
        *(f"ALTER ROLE visitor SET {name} = {value}" for name, value in of_the_role.items()),
    )
    extract()
    ((name, seen, raw, created),) = held(lake, "customers", "name", "seen", "raw", "created_at")
    assert (name, seen, raw, created.isoformat()) == ("a\\b", "2026-01-31", "\\x00ff", "2026-01-01T00:00:00+00:00")

    address = dsn.parse(reader)
    with snapshot_of(address, SOURCE_TABLES) as snapshot, psycopg.connect(reader) as one:
        # As Spark's connections do; the snapshot's own sets the same.
        for statement in snapshot.import_statement().split("; "):
            one.execute(statement.encode())
        for timeout in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            assert one.execute(f"SHOW {timeout}".encode()).fetchone() == ("0",)
        assert one.execute("SHOW statement_timeout").fetchone() == (f"{address.timeouts.query_seconds // 60}min",)


def test_a_right_that_is_taken_away_in_between_is_a_broken_contract_and_nothing_of_the_table_is_taken(
    lake: Lake, source: Source, extract: Extract, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(source, 1)
    take = RowExtraction.take

    def revoke(self: Any) -> int:
        source.execute("REVOKE SELECT ON customers FROM visitor")
        return take(self)

    with monkeypatch.context() as patch:
        patch.setattr(RowExtraction, "take", revoke)
        with pytest.raises(SourceContractBroken, match="permission denied for table customers"):
            extract()
    assert held(lake, "customers", "customer_id") == []
    source.execute("GRANT SELECT ON customers TO visitor")
    assert extract()["tables"] == {"customers": 1}


def test_tables_and_what_lies_below_views_are_not_altered_while_a_snapshot_is_read(source: Source) -> None:
    source.execute("ALTER TABLE drivers RENAME TO people", "CREATE VIEW drivers AS SELECT * FROM people")
    with snapshot_of(dsn.parse(source.dsn), SOURCE_TABLES), source.connect(autocommit=True) as other:
        other.execute("SET lock_timeout = '100ms'")
        for statement in (
            "ALTER TABLE customers ADD COLUMN tier text",
            "TRUNCATE orders",
            "DROP TABLE vehicles",
            "TRUNCATE people",
        ):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(statement.encode())
        other.execute("INSERT INTO people (driver_id) VALUES (1)")  # work goes on


def test_a_table_that_somebody_keeps_locked_is_named_in_bounded_time(
    source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [one.replace("'30s'", "'1s'") for one in postgres.SETTINGS]
    assert quick != list(postgres.SETTINGS)
    monkeypatch.setattr(postgres, "SETTINGS", tuple(quick))
    with source.connect() as other:
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceUnavailable, match="lock timeout"):
            extract()
        other.rollback()
    assert extract()["rows"] == 0


def test_a_key_that_an_open_transaction_puts_back_is_gone_and_then_there_again(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, *range(1, 11))
    source.execute("UPDATE customers SET updated_at = '2026-01-01'")
    extract()
    back = source.connect()
    back.execute("SELECT pg_current_xact_id()")  # older than the deletion that it makes good
    source.execute("DELETE FROM customers WHERE customer_id = 3")
    back.execute("INSERT INTO customers (customer_id, name, updated_at) VALUES (3, 'c3', '2026-01-01')")
    assert extract(hours=0)["deleted"] == 1
    back.commit()
    back.close()
    assert extract(hours=0)["tables"] == {"customers": 1}
    result = extract(hours=0)
    assert (result["rows"], result["deleted"]) == (0, 0)
    assert gone(lake) == [("customers", "3")]
