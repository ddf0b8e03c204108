"""Columns of the source: which the contract accepts, what becomes of others, and names that are no trap."""

from __future__ import annotations

import pytest

from smart_logistics.contracts.source import ORDERS, SOURCE_TABLES, SourceTable
from smart_logistics.errors import SourceContractBroken
from smart_logistics.sources.columns import SourceColumn, broken, fingerprint, literal, quoted, rescued, selection

_NATURAL = {
    "int": "int4",
    "bigint": "int8",
    "string": "text",
    "double": "float8",
    "boolean": "bool",
    "timestamp": "timestamptz",
}


def as_declared(source: SourceTable) -> list[SourceColumn]:
    types = {c.name: "numeric" if c.type.startswith("decimal") else _NATURAL[c.type] for c in source.columns}
    return [SourceColumn(name, type_, type_) for name, type_ in types.items()]


def with_column(name: str, type_: str, *, is_enum: bool = False) -> list[SourceColumn]:
    others = [column for column in as_declared(ORDERS) if column.name != name]
    return [*others, SourceColumn(name, type_, type_, "[]" if is_enum else None)]


@pytest.mark.parametrize("source", SOURCE_TABLES, ids=lambda source: source.name)
def test_a_source_as_declared_is_accepted(source: SourceTable) -> None:
    assert broken(source, as_declared(source)) == []
    assert [column.name for column in selection(source, as_declared(source), {})] == list(source.column_names)


@pytest.mark.parametrize(
    ("name", "type_", "accepted"),
    [
        ("priority", "varchar", True),
        ("priority", "bpchar", True),
        ("priority", "int4", False),
        ("customer_id", "int2", True),
        ("customer_id", "int8", True),
        ("customer_id", "text", False),
        ("total_amount", "float8", False),
        ("order_date", "timestamp", False),
        ("order_date", "text", False),
    ],
)
def test_kindred_types_are_accepted_and_others_are_not(name: str, type_: str, accepted: bool) -> None:
    assert (broken(ORDERS, with_column(name, type_)) == []) is accepted


def test_an_enum_is_text() -> None:
    assert broken(ORDERS, with_column("status", "state", is_enum=True)) == []
    assert broken(ORDERS, with_column("customer_id", "state", is_enum=True))


def test_a_missing_column_is_named() -> None:
    assert broken(ORDERS, as_declared(ORDERS)[1:]) == ["orders.order_id is missing"]


def test_undeclared_columns_get_names_that_delta_can_keep_and_that_stay_the_same() -> None:
    odd = [SourceColumn(name, "text", "text") for name in ("STATUS", "a b", "_run_id", "plain", 'q"; DROP')]
    first = selection(ORDERS, [*as_declared(ORDERS), *odd], {})[len(ORDERS.columns) :]
    again = selection(ORDERS, [*odd[::-1], *as_declared(ORDERS)], {})[len(ORDERS.columns) :]
    names = [column.name for column in first]
    assert names == [column.name for column in again]
    assert "plain" in names
    assert len({name.lower() for name in (*names, *ORDERS.column_names, "_run_id")}) == 5 + len(ORDERS.columns) + 1
    assert not any(set(name) & set(' ,;{}()\n\t="') - {'"'} for name in names)
    assert '"q""; DROP"::text' in [column.sql for column in first]


@pytest.mark.parametrize(
    ("type_", "kept_as", "becomes"),
    [("int4", None, "int"), ("int4", "int", "int"), ("int4", "bigint", "bigint"), ("jsonb", None, "string"),
     ("numeric", None, "string"), ("int4", "string", "string"), ("int8", "int", None), ("text", "int", None)],
)  # fmt: skip
def test_an_undeclared_column_keeps_the_type_that_bronze_has(
    type_: str, kept_as: str | None, becomes: str | None
) -> None:
    columns = [*as_declared(ORDERS), SourceColumn("extra", type_, type_)]
    bronze = {} if kept_as is None else {"extra": kept_as}
    if becomes is None:
        with pytest.raises(SourceContractBroken, match=r"orders\.extra"):
            selection(ORDERS, columns, bronze)
    else:
        assert selection(ORDERS, columns, bronze)[-1].type == becomes


def test_the_fingerprint_knows_names_and_types_and_no_order() -> None:
    columns = as_declared(ORDERS)
    assert fingerprint(columns) == fingerprint(columns[::-1])
    assert fingerprint(columns) != fingerprint(columns[1:])
    assert fingerprint(columns) != fingerprint(with_column("priority", "varchar"))


def test_names_and_literals_are_quoted() -> None:
    assert quoted('a"; DROP TABLE x') == '"a""; DROP TABLE x"'
    assert (literal("it's"), literal("a\\b'")) == ("'it''s'", " E'a\\\\b'''")
    assert "'total_amount'" in rescued(selection(ORDERS, as_declared(ORDERS), {}))
