"""The comparison itself: each kind of difference is seen, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import Expected, differences, expect
from tests.oracle.compare import compare, same
from tests.oracle.hostile_data import hostile_waves, source_of
from tests.oracle.model import Row
from tests.unit.oracle.conftest import T0

NAME = "silver.customers"


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        (1.0, 1.0 + 1e-10, True),
        (1.0, 1.0 + 1e-8, False),
        (1e9, 1e9 + 0.5, True),
        (0.0, 1e-12, True),
        (1.0, None, False),
        (None, 0, False),
        (None, None, True),
        (1, True, False),
        (False, 0, False),
        (3, 3, True),
        (3, 4, False),
        (Decimal("1.10"), Decimal("1.1"), True),
        (Decimal("1.10"), Decimal("1.1000000001"), False),
        ("a", "a ", False),
        ([], None, False),
        (["a", "b"], ["b", "a"], False),
        (T0, T0.astimezone(timezone(timedelta(hours=5))), True),
        (T0, T0.replace(tzinfo=None), True),
        (T0, T0 + timedelta(microseconds=1), False),
    ],
)
def test_doubles_are_compared_within_1e_9_and_all_else_exactly(expected: Any, actual: Any, equal: bool) -> None:
    assert same(expected, actual) is equal


def test_missing_surplus_doubled_and_changed_rows_are_named() -> None:
    expected: list[Row] = [{"customer_id": number, "name": "n"} for number in (1, 2, 3)]
    actual: list[Row] = [
        {"customer_id": 2, "name": "x", "more": 1},
        *[{"customer_id": 3, "name": "n"}] * 2,
        {"customer_id": 4},
    ]
    assert compare(NAME, expected, actual) == [
        "silver.customers: lacks customer_id=1: customer_id=1, name=n",
        "silver.customers: customer_id=2: name is 'x', should be 'n'",
        "silver.customers: has 2 rows of customer_id=3",
        "silver.customers: has customer_id=4 that should not be: customer_id=4",
    ]


def test_a_missing_column_is_a_difference() -> None:
    assert compare(NAME, [{"customer_id": 1, "name": "n"}], [{"customer_id": 1}]) == [
        "silver.customers: customer_id=1: has no column name"
    ]


def as_lake(expected: Expected) -> dict[str, list[Row]]:
    """A lake that is exactly as expected, as plain rows."""
    lake: dict[str, list[Row]] = {name: [dict(row) for row in rows] for name, rows in expected.tables.items()}
    identities: dict[Any, int] = {}
    for row in lake["silver.shipments"]:
        row["shipment_sk"] = identities.setdefault((row["shipment_id"], row.pop("first_event_id")), len(identities))
    lake["bronze.rejected_records"] = [
        {
            "source_table": letter.source_table,
            "source_key": letter.source_key,
            "source_file": letter.source_file,
            "rejection_reason": letter.reason,
            "rejection_detail": "why" + ("; superseded" if letter.superseded else ""),
            "reprocessing_status": sorted(letter.statuses)[0],
            "raw_payload": letter.raw_payload,
            "layer": letter.layer,
            "_ingested_at": letter.ingested_at,
        }
        for letter in expected.dead_letters
    ]
    return lake


@pytest.fixture(scope="module")
def expected() -> Expected:
    return expect(source_of(hostile_waves(7, 5, files=40)), every_batch_was_judged=True)


def test_a_lake_as_expected_has_no_differences(expected: Expected) -> None:
    assert differences(expected, as_lake(expected).__getitem__, noticed_moments=True) == []


def test_when_a_delete_was_noticed_is_compared_on_demand_only(expected: Expected) -> None:
    lake = as_lake(expected)
    last = {row["shipment_id"]: row for row in lake["silver.shipments"] if row["is_deleted"]}
    assert last
    for row in last.values():
        row["effective_end_ts"] += timedelta(days=1)
    assert differences(expected, lake.__getitem__) == []
    assert len(differences(expected, lake.__getitem__, noticed_moments=True)) == len(last)
    for row in last.values():
        row["effective_end_ts"] = None
    assert len(differences(expected, lake.__getitem__)) == len(last)


def plant_equal_keys(rows: list[Row]) -> None:
    rows[1]["shipment_sk"] = rows[0]["shipment_sk"]


def plant(column: str, value: Any) -> Callable[[list[Row]], None]:
    return lambda rows: rows[0].update({column: value})


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("gold.shipment_analytics", lambda rows: rows.pop()),
        ("gold.shipment_analytics", plant("truck_ids", None)),
        ("gold.shipment_analytics", plant("reading_count", -1)),
        ("gold.shipment_analytics", plant("alert_severity", None)),
        ("gold.shipment_analytics", plant("min_threshold", 99.0)),
        ("gold.temperature_excursions", plant("minutes", -1.0)),
        ("gold.temperature_excursions", lambda rows: rows.append(dict(rows[0]))),
        ("silver.iot_telemetry", lambda rows: rows.pop()),
        ("silver.iot_telemetry", plant("outlier_reason", "OTHER")),
        ("silver.orders", plant("total_amount", Decimal("0.001"))),
        ("silver.orders", plant("is_deleted", None)),
        ("silver.shipments", plant("effective_start_ts", T0 - timedelta(days=99))),
        ("silver.shipments", plant("shipment_sk", None)),
        ("silver.shipments", plant_equal_keys),
        ("silver.shipment_status_events", lambda rows: rows.pop()),
        ("bronze.iot_telemetry", plant("raw_payload", "{}")),
        ("bronze.processed_files_log", plant("status", "LOST")),
        ("bronze.rejected_records", lambda rows: rows.pop()),
        ("bronze.rejected_records", lambda rows: rows.append(dict(rows[0]))),
        ("bronze.rejected_records", plant("rejection_reason", "OTHER")),
        ("bronze.rejected_records", plant("reprocessing_status", "OTHER")),
        ("bronze.rejected_records", plant("layer", "gold")),
    ],
)
def test_planted_damage_is_seen(expected: Expected, table: str, damage: Callable[[list[Row]], object]) -> None:
    lake = as_lake(expected)
    damage(lake[table])
    found = differences(expected, lake.__getitem__)
    assert found
    assert all(line.startswith(table) for line in found)


def test_what_a_person_closed_is_no_difference_and_the_same_without_a_person_is(expected: Expected) -> None:
    lake = as_lake(expected)
    letter = next(row for row in lake["bronze.rejected_records"] if row["reprocessing_status"] == "PENDING")
    letter["reprocessing_status"] = "DISCARDED"
    assert len(differences(expected, lake.__getitem__)) == 1
    letter["rejection_detail"] += "; discarded (asha: sent twice)"
    assert differences(expected, lake.__getitem__) == []
    letter["reprocessing_status"] = "LOST"
    assert len(differences(expected, lake.__getitem__)) == 1
