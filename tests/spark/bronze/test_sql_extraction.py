"""The job on a real server: no committed version is missed, none is taken twice, and all tables agree."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import LakeUnavailable
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from smart_logistics.sources import jdbc
from smart_logistics.sources.postgres import Relation
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source


def held(lake: Lake, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return the versions that Bronze holds, read without Spark."""
    found = tables.open_table(lake.root, bronze.EXTRACTED[table])
    rows = found.to_pyarrow_table().to_pylist() if found is not None else []
    return sorted((tuple(row[name] for name in columns) for row in rows), key=repr)


def commits(lake: Lake, name: str) -> int:
    table = next(table for table in bronze.TABLES if table.name == name)
    found = tables.open_table(lake.root, table)
    return -1 if found is None else found.version()


def customers(source: Source, *keys: int) -> None:
    source.execute(*(f"INSERT INTO customers (customer_id, name) VALUES ({key}, 'c{key}')" for key in keys))


def test_a_first_extraction_takes_every_row_and_the_next_takes_none(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, 1, 2)
    source.execute(
        "INSERT INTO orders (order_id, customer_id, total_amount) VALUES ('o1', 1, 12.50)",
        "INSERT INTO shipment_status_events VALUES (1, 's1', 'Created', '2026-01-01 00:00:00.123456+05:30')",
    )
    first = extract()
    assert first["tables"] == {"customers": 2, "orders": 1, "shipment_status_events": 1}
    assert (first["rows"], first["deleted"]) == (4, 0)
    assert set(first["full_reads"]) == {table.name for table in SOURCE_TABLES}
    (event,) = held(lake, "shipment_status_events", "changed_at", "_run_id", "_rescued_data")
    assert (event[0].isoformat(), *event[1:]) == ("2025-12-31T18:30:00.123456+00:00", "run", None)
    stamps = {row[0] for name in first["tables"] for row in held(lake, name, "_ingested_at")}
    assert len(stamps) == 1

    before = {table.name: commits(lake, table.name) for table in bronze.TABLES}
    second = extract()
    assert {**second, "read": 0} == {"read": 0, "rows": 0, "tables": {}, "deleted": 0, "full_reads": []}
    assert before == {table.name: commits(lake, table.name) for table in bronze.TABLES}


def test_whatever_commits_late_is_found_and_what_is_rolled_back_is_not(
    lake: Lake, source: Source, extract: Extract
) -> None:
    customers(source, 1)
    extract()
    early, nested, undone = source.connect(), source.connect(), source.connect()
    early.execute("INSERT INTO customers (customer_id, name) VALUES (10, 'early')")
    nested.execute("INSERT INTO customers (customer_id, name) VALUES (20, 'outer')")
    nested.execute("SAVEPOINT a")
    nested.execute("INSERT INTO customers (customer_id, name) VALUES (21, 'inner')")
    undone.execute("INSERT INTO customers (customer_id, name) VALUES (30, 'undone')")
    prepared = source.connect()
    prepared.tpc_begin(prepared.xid(1, "late", "x"))
    prepared.execute("INSERT INTO customers (customer_id, name) VALUES (40, 'prepared')")
    prepared.tpc_prepare()
    customers(source, 2)
    assert extract()["tables"] == {"customers": 1}
    # The fence cannot pass the open ones: row 2 is read again and dropped, with no commit for it.
    before = commits(lake, "customers")
    assert extract()["tables"] == {}
    assert commits(lake, "customers") == before

    early.commit()
    nested.commit()
    undone.rollback()
    source.execute(
        "UPDATE customers SET name = 'back-dated', updated_at = '2001-01-01' WHERE customer_id = 1",
        "UPDATE customers SET name = name WHERE customer_id = 2",
    )
    assert extract()["tables"] == {"customers": 4}
    prepared.tpc_commit()
    assert extract()["tables"] == {"customers": 1}
    for connection in (early, nested, undone, prepared):
        connection.close()
    assert held(lake, "customers", "customer_id", "name") == [
        (1, "back-dated"),
        (1, "c1"),
        (10, "early"),
        (2, "c2"),
        (20, "outer"),
        (21, "inner"),
        (40, "prepared"),
    ]


def test_all_tables_are_of_one_moment_while_others_write(lake: Lake, source: Source, extract: Extract) -> None:
    customers(source, 0)
    source.execute("INSERT INTO orders (order_id, customer_id) VALUES ('0', 0)")
    stop = threading.Event()

    def write() -> None:
        key = 0
        with source.connect() as connection:
            while not stop.is_set():
                key += 1
                connection.execute("INSERT INTO orders (order_id, customer_id) VALUES (%s, %s)", (str(key), key))
                connection.execute("INSERT INTO customers (customer_id, name) VALUES (%s, 'w')", (key,))
                connection.commit()
                stop.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            extract()
            assert held(lake, "orders", "customer_id") == held(lake, "customers", "customer_id")
    finally:
        stop.set()
        writer.join()
    extract()
    assert len(set(held(lake, "orders", "customer_id"))) == len(held(lake, "orders", "customer_id"))
    with source.connect() as connection:
        (count,) = connection.execute("SELECT count(*) FROM orders").fetchone() or (0,)
    assert len(held(lake, "orders", "order_id")) == count


def test_a_crash_between_two_tables_leaves_each_version_once(
    lake: Lake, source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(source, 1, 2)
    source.execute("INSERT INTO orders (order_id, customer_id) VALUES ('o1', 1)")
    append = Lake.append

    def crash(self: Lake, table: Any, *args: Any, **options: Any) -> None:
        if table.name == "orders":
            raise LakeUnavailable("the disk is gone")
        append(self, table, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", crash)
        with pytest.raises(LakeUnavailable):
            extract()
    source.execute("UPDATE customers SET name = 'b' WHERE customer_id = 2")
    assert extract()["tables"] == {"customers": 1, "orders": 1}
    assert extract()["rows"] == 0
    assert held(lake, "customers", "customer_id", "name") == [(1, "c1"), (2, "b"), (2, "c2")]
    assert held(lake, "orders", "order_id") == [("o1",)]


def test_a_value_that_returns_to_what_it_was_is_a_version_again(lake: Lake, source: Source, extract: Extract) -> None:
    customers(source, 1)
    for name in ("c1", "b", "c1"):
        source.execute(f"UPDATE customers SET name = '{name}', updated_at = '2026-01-01'")
        extract()
    assert held(lake, "customers", "name") == [("b",), ("c1",), ("c1",)]


def test_keys_may_be_null_or_repeat(lake: Lake, source: Source, extract: Extract) -> None:
    blocker = source.connect()
    blocker.execute("INSERT INTO drivers (driver_id) VALUES (1)")  # holds the fence back: all is read again each time
    source.execute(
        "INSERT INTO customers (customer_id, name) VALUES (NULL, 'n1'), (NULL, 'n2'), (7, 'a'), (7, 'b'), (8, 'c')"
    )
    assert extract()["tables"] == {"customers": 5}
    source.execute(
        "INSERT INTO customers (customer_id, name) VALUES (NULL, 'n3')",
        "UPDATE customers SET name = 'a2' WHERE name = 'a'",
    )
    assert extract()["tables"] == {"customers": 2}
    assert extract()["rows"] == 0
    blocker.close()


def test_values_that_no_type_of_ours_holds_are_kept_as_text(lake: Lake, source: Source, extract: Extract) -> None:
    source.execute(
        "ALTER TABLE orders ALTER COLUMN total_amount TYPE numeric",
        "INSERT INTO orders (order_id, total_amount, order_date) VALUES ('nan', 'NaN', '-infinity'),"
        " ('inf', 'Infinity', '0044-03-15 12:00:00+00 BC'), ('wide', 12345678901.5, '0001-01-01 00:00:00+00'),"
        " ('fine', 0.125, '1500-02-28 12:00:00.000001+00'), ('ok', -9999999999.99, '9999-12-31 23:59:59.999999+00')",
        "INSERT INTO warehouses (warehouse_id, latitude, longitude) VALUES (1, 'NaN', '-Infinity')",
        r"INSERT INTO customers (customer_id, name, email) VALUES (1, E'a\tb\n\\c''\"\u00e9\U0001F69A\u0085', '')",
    )
    extract()
    rows = {row[0]: row[1:] for row in held(lake, "orders", "order_id", "total_amount", "order_date", "_rescued_data")}
    assert json.loads(rows["nan"][2]) == {"total_amount": "NaN", "order_date": "-infinity"}
    assert rows["nan"][:2] == (None, None)
    assert json.loads(rows["inf"][2]) == {"total_amount": "Infinity", "order_date": "0044-03-15 12:00:00+00 BC"}
    assert json.loads(rows["wide"][2]) == {"total_amount": "12345678901.5"}
    assert rows["wide"][1].isoformat() == "0001-01-01T00:00:00+00:00"
    assert json.loads(rows["fine"][2]) == {"total_amount": "0.125"}
    assert rows["fine"][1].isoformat() == "1500-02-28T12:00:00.000001+00:00"
    assert (str(rows["ok"][0]), rows["ok"][2]) == ("-9999999999.99", None)
    assert rows["ok"][1].isoformat() == "9999-12-31T23:59:59.999999+00:00"
    assert repr(held(lake, "warehouses", "latitude", "longitude")) == "[(nan, -inf)]"
    assert held(lake, "customers", "name", "email") == [("a\tb\n\\c'\"é\U0001f69a\x85", "")]


def test_a_large_table_is_read_in_ranges_of_blocks(
    lake: Lake, source: Source, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = jdbc.block_ranges
    cut: list[int] = []

    def small_ranges(relation: Relation) -> list[str]:
        ranges = whole(relation, 4 * relation.block_bytes)
        cut.append(len(ranges))
        return ranges

    monkeypatch.setattr(jdbc, "block_ranges", small_ranges)
    source.execute(
        "INSERT INTO customers (customer_id, name) SELECT n, repeat('x', 200) FROM generate_series(1, 1000) n",
        "DELETE FROM customers WHERE customer_id % 3 = 0",
    )
    assert extract()["tables"] == {"customers": 667}
    assert cut[0] > 5
    assert held(lake, "customers", "customer_id") == sorted(((n,) for n in range(1, 1001) if n % 3), key=repr)
