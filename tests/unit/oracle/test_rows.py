"""Contract §5 on rows: which version Silver keeps, what the dead letter holds, and in which state."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from smart_logistics import contracts
from smart_logistics.contracts import rules
from smart_logistics.contracts import source as declared
from tests.oracle import Deletion, Source, Version, expect
from tests.oracle.model import DISCARDED, OPEN, REPROCESSED
from tests.oracle.rows import own_reason
from tests.oracle.source_tables import ASSIGNMENT_STATUSES, BY_NAME, SHIPMENT_STATUSES, TABLES
from tests.unit.oracle.conftest import T0, Rows

SCHEMA, NULL, RULE = "SCHEMA_VALIDATION_FAILED", "NULL_CRITICAL_FIELD", "BUSINESS_RULE_VIOLATION"
ORPHAN = "INVALID_FOREIGN_KEY"


def letters(versions: Sequence[Version], *, every: bool = True) -> list[tuple[str, str, frozenset[str], bool]]:
    """(table:key, reason, statuses, required) of the dead letter."""
    expected = expect(Source(versions), every_batch_was_judged=every)
    return [
        (f"{one.source_table}:{one.source_key}", one.reason, one.statuses, one.required)
        for one in expected.dead_letters
    ]


def silver(versions: Sequence[Version], table: str, *deletions: Deletion) -> list[dict[str, Any]]:
    return expect(Source(versions, deletions)).tables[f"silver.{table}"]


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("customers", {}, ""),
        ("customers", {"customer_id": None}, NULL),
        ("customers", {"name": None, "created_at": None}, ""),
        ("customers", {"created_at": "infinity"}, SCHEMA),
        ("orders", {"order_id": "\u2003"}, NULL),
        ("orders", {"total_amount": Decimal("NaN"), "customer_id": None}, SCHEMA),
        ("orders", {"total_amount": Decimal("-0.01"), "customer_id": None}, NULL),
        ("orders", {"total_amount": Decimal("-0.01")}, RULE),
        ("orders", {"total_amount": Decimal("0.00")}, ""),
        ("orders", {"total_amount": None}, ""),
        ("vehicles", {"license_plate": "\u00a0"}, NULL),
        ("drivers", {"rating": Decimal("NaN")}, SCHEMA),
        ("warehouses", {"latitude": float("nan")}, SCHEMA),
        ("warehouses", {"longitude": float("inf")}, SCHEMA),
        ("shipment_types", {"min_temperature": None}, NULL),
        ("shipment_types", {"min_temperature": Decimal("8.01")}, RULE),
        ("shipment_types", {"min_temperature": Decimal("8.00")}, ""),
        ("shipment_types", {"max_excursion_minutes": None}, ""),
        ("shipments", {"status": "created"}, RULE),
        ("shipments", {"status": "Created "}, RULE),
        ("shipments", {"status": ""}, NULL),
        ("shipments", {"created_at": None}, NULL),
        ("shipments", {"destination_city": None}, ""),
        ("shipment_status_events", {"changed_at": None}, NULL),
        ("shipment_status_events", {"status": "Lost"}, RULE),
        ("truck_assignments", {"assignment_end_time": None, "driver_id": None}, ""),
        ("truck_assignments", {"assignment_end_time": T0}, ""),
        ("truck_assignments", {"assignment_end_time": Rows.at(-1)}, RULE),
        ("truck_assignments", {"status": "Active"}, RULE),
        ("truck_assignments", {"status": None}, NULL),
    ],
)
def test_a_row_has_the_first_reason_that_applies(rows: Rows, table: str, change: dict[str, Any], reason: str) -> None:
    assert own_reason(BY_NAME[table], rows(0, table, **change)) == reason


def test_sound_rows_reach_silver_and_nothing_is_rejected(rows: Rows) -> None:
    expected = expect(Source(rows.everything()))
    assert not expected.dead_letters
    assert all(len(of) == 1 for name, of in expected.tables.items() if name.startswith("silver.") and "iot" not in name)
    assert expected.tables["silver.vehicles"][0]["license_plate"] == "P1"


def test_the_version_extracted_last_is_the_latest_whatever_updated_at_says(rows: Rows) -> None:
    versions = [rows(0, "customers", name="old", updated_at=rows.at(9)), rows(1, "customers", name="new")]
    assert [row["name"] for row in silver(versions, "customers")] == ["new"]
    assert letters(versions) == []


def test_a_row_that_turns_invalid_keeps_its_last_valid_version(rows: Rows) -> None:
    versions = [*rows.parents(), rows(1, "orders", total_amount=Decimal("-1.00"))]
    assert [row["total_amount"] for row in silver(versions, "orders")] == [Decimal("1.00")]
    assert letters(versions) == [("orders:O1", RULE, OPEN, True)]


def test_a_newer_version_closes_the_dead_letter_of_an_older_one_even_where_it_is_invalid_itself(rows: Rows) -> None:
    versions = [rows(0, "customers"), *(rows(batch, "orders", total_amount=Decimal(-batch)) for batch in (1, 2))]
    assert letters(versions) == [("orders:O1", RULE, DISCARDED, True), ("orders:O1", RULE, OPEN, True)]


def test_a_rejected_parent_orphans_its_children_down_all_levels(rows: Rows) -> None:
    versions = [v for v in rows.everything() if v.table != "customers"] + [rows(0, "customers", customer_id=None)]
    assert [letter[:2] for letter in letters(versions)] == [
        ("customers:", NULL),
        ("orders:O1", ORPHAN),
        ("shipments:S1", ORPHAN),
        ("shipment_status_events:1", ORPHAN),
        ("truck_assignments:1", ORPHAN),
    ]
    assert silver(versions, "shipments") == []


def test_an_orphan_is_loaded_when_its_parent_arrives_and_its_dead_letter_is_reprocessed(rows: Rows) -> None:
    versions = [v for v in rows.everything() if v.table != "customers"] + [rows(1, "customers")]
    assert {letter[1:] for letter in letters(versions)} == {(ORPHAN, REPROCESSED, True)}
    assert {letter[1:] for letter in letters(versions, every=False)} == {(ORPHAN, REPROCESSED, False)}
    assert len(silver(versions, "truck_assignments")) == 1


def test_an_orphan_superseded_before_its_parent_came_is_discarded_and_counts_where_the_newer_one_is_invalid(
    rows: Rows,
) -> None:
    versions = [
        rows(0, "orders", priority="orphan"),
        rows(1, "orders", total_amount=Decimal(-1)),
        rows(2, "customers"),
    ]
    assert letters(versions) == [("orders:O1", ORPHAN, DISCARDED | REPROCESSED, True), ("orders:O1", RULE, OPEN, True)]
    assert [row["priority"] for row in silver(versions, "orders")] == ["orphan"]


def test_a_deleted_row_stays_marked_and_orphans_nobody(rows: Rows) -> None:
    gone = Deletion("customers", "1", rows.at(1))
    versions = [rows(0, "customers"), rows(2, "orders")]
    assert [row["is_deleted"] for row in silver(versions, "customers", gone)] == [True]
    assert [row["is_deleted"] for row in silver(versions, "orders", gone)] == [False]


def test_a_row_that_comes_back_is_not_deleted_any_more(rows: Rows) -> None:
    gone = Deletion("customers", "1", rows.at(1))
    assert [row["is_deleted"] for row in silver([rows(0, "customers"), rows(2, "customers")], "customers", gone)] == [
        False
    ]


def test_a_column_that_bronze_could_not_hold_fails_the_schema(rows: Rows) -> None:
    version = rows(0, "orders", total_amount=None)
    rescued = Version("orders", version.values, version.extracted_at, frozenset({"total_amount"}))
    assert own_reason(BY_NAME["orders"], rescued) == SCHEMA


def test_the_oracle_and_the_declarations_name_the_same_tables_columns_and_rules() -> None:
    assert {table.name for table in TABLES} == set(declared.BY_NAME)
    for table in TABLES:
        other = declared.BY_NAME[table.name]
        assert set(table.columns) == set(other.column_names)
        assert table.key == other.key
        assert {table.key, *table.critical} == {other.key, *other.critical}
        assert table.parents == {key.column: key.parent for key in other.foreign_keys}
    assert set(rules.SHIPMENT_STATUSES) == SHIPMENT_STATUSES
    assert set(rules.ASSIGNMENT_STATUSES) == ASSIGNMENT_STATUSES


def test_every_column_that_the_oracle_expects_is_declared(rows: Rows) -> None:
    for name, of in expect(Source(rows.everything())).tables.items():
        for row in of:
            assert set(row) - {"first_event_id"} <= set(contracts.BY_FULL_NAME[name].column_names)
