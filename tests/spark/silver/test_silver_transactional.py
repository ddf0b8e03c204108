"""The job on real Delta tables: verdicts, supersession, orphans, deletes, SCD2, and a re-run that changes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.model import Table
from smart_logistics.jobs import silver_transactional
from smart_logistics.jobs.row_batch import SILVER
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.store import Lake
from tests.spark.silver.builders import PARENTS, at, extract, lose, row


@pytest.fixture
def lake(lake: Lake) -> Lake:
    lake.job = "silver_transactional"
    return lake


def run(lake: Lake) -> dict[str, Any]:
    return dict(silver_transactional.run(Context(lake, "run", "", {})))


def rows(lake: Lake, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(r) for r in lake.read(table).select(*columns).collect())


def letters(lake: Lake) -> list[tuple[Any, ...]]:
    return rows(lake, bronze.REJECTED_RECORDS, "source_table", "source_key", "rejection_reason", "reprocessing_status")


def parents() -> dict[str, list[dict[str, Any]]]:
    return {name: [row(name)] for name in PARENTS} | {"orders": [row("orders")]}


def versions(lake: Lake) -> list[tuple[Any, ...]]:
    return rows(
        lake,
        silver.SHIPMENT_VERSIONS,
        "shipment_id",
        "version",
        "status",
        "effective_start_ts",
        "effective_end_ts",
        "is_current",
    )


def test_each_row_ends_in_one_place_with_the_first_reason(lake: Lake) -> None:
    extract(
        lake,
        **parents()
        | {
            "orders": [
                row("orders"),
                row("orders", order_id="NAN", total_amount=None, _rescued_data='{"total_amount": "NaN"}'),
                row("orders", order_id="\u2003", total_amount=Decimal("-1.00")),
                row("orders", order_id="NEG", total_amount=Decimal("-0.01"), customer_id=77),
                row("orders", order_id="ORPHAN", customer_id=77),
            ],
            "shipments": [row("shipments", shipment_id="CHILD", order_id="ORPHAN")],
            "warehouses": [row("warehouses"), row("warehouses", warehouse_id=2, latitude=float("nan"))],
            "vehicles": [row("vehicles", license_plate="\u00a0mh12ab1234\t")],
        },
    )
    result = run(lake)
    assert letters(lake) == [
        ("orders", "NAN", "SCHEMA_VALIDATION_FAILED", "PENDING"),
        ("orders", "NEG", "BUSINESS_RULE_VIOLATION", "PENDING"),
        ("orders", "ORPHAN", "INVALID_FOREIGN_KEY", "PENDING"),
        ("orders", "\u2003", "NULL_CRITICAL_FIELD", "PENDING"),
        ("shipments", "CHILD", "INVALID_FOREIGN_KEY", "PENDING"),
        ("warehouses", "2", "SCHEMA_VALIDATION_FAILED", "PENDING"),
    ]
    assert result["rejected"] == 6
    assert rows(lake, silver.ORDERS, "order_id") == [("O1",)]
    assert rows(lake, silver.VEHICLES, "license_plate") == [("MH12AB1234",)]


def test_orphans_cascade_when_the_parent_comes_and_a_rerun_changes_nothing(lake: Lake) -> None:
    extract(lake, **parents() | {"orders": [row("orders", customer_id=9)], "shipments": [row("shipments")]})
    extract(lake, shipment_status_events=[row("shipment_status_events")])
    run(lake)
    assert [letter[3] for letter in letters(lake)] == ["PENDING"] * 3
    extract(lake, customers=[row("customers", customer_id=9)])
    assert run(lake)["rejected"] == 0
    assert [letter[3] for letter in letters(lake)] == ["REPROCESSED"] * 3
    assert rows(lake, silver.ORDERS, "order_id", "total_amount") == [("O1", Decimal("10.00"))]
    assert len(versions(lake)) == 1
    before = {t.full_name: rows(lake, t, *t.key, "_changed_at") for t in SILVER.values()}
    assert run(lake) == {"read": 0, "rows": 0, "rejected": 0, "tables": {}}
    assert {t.full_name: rows(lake, t, *t.key, "_changed_at") for t in SILVER.values()} == before


def test_a_newer_version_closes_the_letter_and_an_invalid_one_leaves_the_last_valid(lake: Lake) -> None:
    extract(lake, **parents() | {"orders": [row("orders", total_amount=Decimal("-5.00"))]})
    run(lake)
    extract(lake, orders=[row("orders", status="Paid")])
    run(lake)
    extract(lake, orders=[row("orders", status="Worse", total_amount=Decimal("-6.00"))])
    run(lake)
    assert rows(lake, silver.ORDERS, "status") == [("Paid",)]
    assert letters(lake) == [
        ("orders", "O1", "BUSINESS_RULE_VIOLATION", "DISCARDED"),
        ("orders", "O1", "BUSINESS_RULE_VIOLATION", "PENDING"),
    ]
    closed = lake.read(bronze.REJECTED_RECORDS).filter("reprocessing_status = 'DISCARDED'").first()
    assert closed is not None
    assert closed["rejection_detail"].endswith("; superseded")


@pytest.mark.parametrize("one_run", [True, False])
def test_the_latest_valid_version_is_the_same_in_one_run_or_many(lake: Lake, one_run: bool) -> None:
    # The orphan is older than an invalid version: once its parent is there it is the latest valid one.
    waves = [
        parents() | {"orders": [row("orders", customer_id=9, status="orphan")]},
        {"orders": [row("orders", total_amount=Decimal("-1.00"))]},
        {"customers": [row("customers", customer_id=9)]},
    ]
    for wave in waves:
        extract(lake, **wave)
        if not one_run:
            run(lake)
    run(lake)
    assert rows(lake, silver.ORDERS, "status") == [("orphan",)]


def test_late_events_take_their_place_and_keys_of_versions_that_stay_do_not_change(lake: Lake) -> None:
    def event(number: int, status: str, minutes: int) -> dict[str, Any]:
        return row("shipment_status_events", event_id=number, status=status, changed_at=at(minutes))

    extract(lake, **parents() | {"shipments": [row("shipments", status="Delivered")]})
    extract(
        lake, shipment_status_events=[event(1, "Created", 0), event(2, "In Transit", 10), event(3, "In Transit", 30)]
    )
    run(lake)
    assert versions(lake) == [
        ("S1", 1, "Created", at(0).replace(tzinfo=None), at(10).replace(tzinfo=None), False),
        ("S1", 2, "In Transit", at(10).replace(tzinfo=None), None, True),
    ]
    keys = dict(rows(lake, silver.SHIPMENT_VERSIONS, "effective_start_ts", "shipment_sk"))
    extract(lake, shipment_status_events=[event(4, "Assigned", 20)])
    run(lake)
    assert [(v[1], v[2]) for v in versions(lake)] == [
        (1, "Created"),
        (2, "In Transit"),
        (3, "Assigned"),
        (4, "In Transit"),
    ]
    assert [v[5] for v in versions(lake)] == [False, False, False, True]
    later = dict(rows(lake, silver.SHIPMENT_VERSIONS, "effective_start_ts", "shipment_sk"))
    assert {start: later[start] for start in keys} == keys


def test_a_shipment_without_events_has_one_version_from_its_row_and_moves_with_its_month(lake: Lake) -> None:
    extract(lake, **parents() | {"shipments": [row("shipments", updated_at=at(5))]})
    run(lake)
    assert versions(lake) == [("S1", 1, "Created", at(5).replace(tzinfo=None), None, True)]
    extract(lake, shipments=[row("shipments", status="Assigned", updated_at=at(7), created_at=at(-60 * 24 * 3))])
    run(lake)
    assert versions(lake) == [("S1", 1, "Assigned", at(7).replace(tzinfo=None), None, True)]
    assert rows(lake, silver.SHIPMENT_VERSIONS, "created_month", "_former_months") == [("2026-10", ["2026-11"])]
    extract(lake, shipment_status_events=[row("shipment_status_events", status="Created")])
    run(lake)
    assert [v[2] for v in versions(lake)] == ["Created"]


def test_a_deleted_row_stays_marked_its_shipment_ends_and_nobody_is_orphaned(lake: Lake) -> None:
    extract(lake, **parents() | {"shipments": [row("shipments")]})
    run(lake)
    lose(lake, "orders", "O1")
    lose(lake, "shipments", "S1")
    run(lake)
    assert rows(lake, silver.ORDERS, "order_id", "is_deleted") == [("O1", True)]
    ((_, _, _, _, end, current),) = versions(lake)
    assert (end is not None, current) == (True, False)
    extract(lake, shipments=[row("shipments", shipment_id="S2")])
    run(lake)
    assert letters(lake) == []
    extract(lake, shipments=[row("shipments", updated_at=at(9))])
    run(lake)
    assert rows(lake, silver.SHIPMENT_VERSIONS, "shipment_id", "is_deleted", "is_current") == [
        ("S1", False, True),
        ("S2", False, True),
    ]


def test_a_row_that_an_invalid_version_revived_stays_alive_while_orphans_are_tried_again(lake: Lake) -> None:
    extract(lake, **parents())
    run(lake)
    lose(lake, "orders", "O1")
    run(lake)
    extract(lake, orders=[row("orders", total_amount=Decimal("-1.00")), row("orders", order_id="O2", customer_id=9)])
    run(lake)
    assert rows(lake, silver.ORDERS, "order_id", "is_deleted") == [("O1", False)]
    extract(lake, customers=[row("customers", customer_id=9)])
    run(lake)
    assert rows(lake, silver.ORDERS, "order_id", "is_deleted") == [("O1", False), ("O2", False)]


def test_an_assignment_remembers_the_shipments_it_left(lake: Lake) -> None:
    extract(lake, **parents() | {"shipments": [row("shipments"), row("shipments", shipment_id="S2")]})
    extract(lake, truck_assignments=[row("truck_assignments")])
    run(lake)
    extract(lake, truck_assignments=[row("truck_assignments", shipment_id="S2")])
    run(lake)
    assert rows(lake, silver.TRUCK_ASSIGNMENTS, "shipment_id", "_former_shipment_ids") == [("S2", ["S1"])]


def test_a_crash_before_the_last_commit_records_no_rejection_twice(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(lake, **parents() | {"orders": [row("orders", customer_id=9), row("orders", order_id="O2")]})
    merge = Lake.merge

    def fail(self: Lake, table: Table, *args: Any, **kwargs: Any) -> int:
        if table is silver.ORDERS:
            raise RuntimeError("killed")
        return merge(self, table, *args, **kwargs)

    monkeypatch.setattr(Lake, "merge", fail)
    with pytest.raises(RuntimeError, match="killed"):
        run(lake)
    monkeypatch.undo()
    extract(lake, orders=[row("orders", order_id="O3", customer_id=8)])
    run(lake)
    assert [letter[1] for letter in letters(lake)] == ["O1", "O3"]
    assert rows(lake, silver.ORDERS, "order_id") == [("O2",)]
