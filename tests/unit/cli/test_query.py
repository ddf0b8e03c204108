"""`logistics query` on real Delta tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smart_logistics.cli.main import app
from smart_logistics.contracts import silver
from smart_logistics.errors import LogisticsError
from smart_logistics.lake import tables
from smart_logistics.lake.sql import QueryFailed, query

AT = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=UTC)


def order(order_id: str, amount: str | None, *, status: str = "Open") -> dict[str, object]:
    return {
        "order_id": order_id,
        "customer_id": 1,
        "order_date": AT,
        "total_amount": None if amount is None else Decimal(amount),
        "status": status,
        "is_deleted": False,
        "_ingested_at": AT,
        "_changed_at": AT,
        "_used_changed_at": AT,
    }


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    root = str(tmp_path / "a lakehouse")
    tables.append_rows(root, silver.ORDERS, [order("O1", "10.50"), order("O2", None, status='x\x1b[31m,"y"')])
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    monkeypatch.setenv("LOGISTICS_LAKEHOUSE", root)
    return root


def ask(*arguments: str, stdin: str | None = None) -> str:
    result = CliRunner().invoke(app, ["query", *arguments], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_keeps_null_numbers_and_utc_times(lakehouse: str) -> None:
    sql = "select order_id, total_amount, order_date, sum(customer_id) over () n from silver.orders order by 1"
    assert json.loads(ask(sql, "--format", "json")) == [
        {"order_id": "O1", "total_amount": 10.5, "order_date": "2026-11-24T10:00:00.000005Z", "n": 2},
        {"order_id": "O2", "total_amount": None, "order_date": "2026-11-24T10:00:00.000005Z", "n": 2},
    ]


def test_json_loses_no_column_of_one_name(lakehouse: str) -> None:
    assert json.loads(ask("select 1 a, 2 a", "--format", "json")) == [{"a": 1, "a_2": 2}]


def test_csv_quotes_and_leaves_null_empty(lakehouse: str) -> None:
    sql = "select order_id, total_amount, [1, 2] l from silver.orders order by 1"
    assert ask(sql, "--format", "csv") == 'order_id,total_amount,l\nO1,10.50,"[1, 2]"\nO2,,"[1, 2]"\n'


def test_a_table_cuts_nothing_and_obeys_no_control_character(lakehouse: str) -> None:
    text = ask("select status, repeat('w', 300) w from silver.orders")
    assert "w" * 300 in text
    assert "\\x1b[31m" in text
    assert "\x1b" not in text


def test_sql_comes_from_stdin(lakehouse: str) -> None:
    assert ask("-", "--format", "csv", stdin="select count(*) n from silver.orders") == "n\n2\n"


def test_a_declared_table_that_no_job_wrote_yet_is_empty(lakehouse: str) -> None:
    assert query(lakehouse, "select * from gold.shipment_analytics").num_rows == 0


def test_every_table_is_shown(lakehouse: str) -> None:
    names = query(lakehouse, "select table_schema || '.' || table_name n from information_schema.tables")[
        "n"
    ].to_pylist()
    assert {"bronze.rejected_records", "gold.shipment_analytics", "ops.dq_metrics"} <= set(names)


def test_an_unknown_table_is_answered_with_the_likely_one(lakehouse: str) -> None:
    with pytest.raises(QueryFailed, match=r"silver\.orders") as failure:
        query(lakehouse, "select * from silver.order")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to 'must-not-exist'",
        "set enable_external_access = true",
        "attach 'must-not-exist.db'",
        "drop view silver.orders",
        "select 1; select 2",
        "",
        "selec",
        "select 1/x from silver.orders",
        "select cast(order_id as int) from silver.orders",
    ],
)
def test_what_is_not_one_good_select_is_refused_in_one_line(
    lakehouse: str, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LogisticsError) as failure:
        query(lakehouse, sql)
    assert "\n" not in str(failure.value)
    assert failure.value.remedy
    assert not list(tmp_path.rglob("must-not-exist*"))
