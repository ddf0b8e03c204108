"""Hostile row versions: every rule of the source tables broken and met exactly, parents that come late or never."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.oracle.model import Row
from tests.oracle.source_tables import SHIPMENT_STATUSES

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)

# As typed at a source: trimmed and upper case they are four trucks, one plate being shared by two vehicles.
PLATES = ("MH01AB1234", " mh01ab1234\u2003", "ka05xy0001", "\u00a0straße 7\t", "DL3C\u00c9 9")
Keys = Mapping[str, tuple[Any, ...]]
KEYS: Keys = {
    "customers": tuple(range(1, 6)),
    "orders": tuple(f"O-{number}" for number in range(1, 9)),
    "vehicles": tuple(range(1, 7)),
    "drivers": tuple(range(1, 4)),
    "warehouses": tuple(range(1, 4)),
    "shipment_types": ("Refrigerated", "Frozen", "Ambient", "Odd"),
    "shipments": tuple(f"S-{number}" for number in range(1, 13)),
    "truck_assignments": tuple(range(1, 25)),
}
LIMITS = (("2", "8", 60), ("2.00", "8.00", 0), ("-25", "-18", 30), ("15", "25", 240), ("0", "4", None), ("5", "5", 30))
STATUSES = tuple(sorted(SHIPMENT_STATUSES))
NOT_STATUSES = ("in transit", "Delivered ", "Lost", "", "\u2003", None)
NAN = Decimal("NaN")

# What breaks a row, or must not break it, by table: column to value.
BREAKS: Mapping[str, tuple[Row, ...]] = {
    "customers": ({"name": None, "city": " "}, {"created_at": "infinity"}),
    "orders": (
        {"customer_id": None},
        {"customer_id": 404},
        {"total_amount": Decimal("-0.01")},
        {"total_amount": Decimal("0.00")},
        {"total_amount": None},
        {"total_amount": NAN},
        {"total_amount": NAN, "customer_id": None},
        {"total_amount": Decimal("-1.00"), "customer_id": 404},
        {"order_date": "-infinity"},
    ),
    "vehicles": (
        {"license_plate": None},
        {"license_plate": ""},
        {"license_plate": "\u2003\x1f\u3000"},
        {"capacity_kg": None},
    ),
    "drivers": ({"rating": NAN}, {"rating": None}, {"name": None}),
    "warehouses": ({"latitude": float("nan")}, {"longitude": float("inf")}, {"latitude": None, "city": None}),
    "shipment_types": (
        {"min_temperature": None},
        {"max_temperature": None},
        {"min_temperature": NAN},
        {"min_temperature": Decimal("8.01"), "max_temperature": Decimal("8.00")},
        {"max_excursion_minutes": None},
    ),
    "shipments": (
        {"order_id": None},
        {"order_id": "O-404"},
        {"order_id": "o-1"},
        {"order_id": " "},
        {"shipment_type": "refrigerated"},
        {"shipment_type": None},
        {"created_at": None},
        {"origin_warehouse_id": 404},
        {"origin_warehouse_id": None},
        {"status": "Lost", "order_id": "O-404"},
        *({"status": status} for status in NOT_STATUSES),
    ),
    "truck_assignments": (
        {"shipment_id": None},
        {"shipment_id": "S-404"},
        {"vehicle_id": None},
        {"vehicle_id": 404},
        {"assignment_start_time": None},
        {"assignment_start_time": "-infinity"},
        {"assignment_end_time": T0 - MICROSECOND},
        {"status": "active"},
        {"status": None},
        {"driver_id": None},
        {"driver_id": 404},
    ),
}


def valid_row(rng: Random, table: str, key: Any, updated_at: datetime, keys: Keys = KEYS) -> Row:
    """Return a row of ``table`` that no rule of its own rejects; parents are named whether or not they are there."""
    made = _MAKERS[table](rng, key, keys)
    return {**made, "updated_at": updated_at}


def version(rng: Random, table: str, key: Any, updated_at: datetime, keys: Keys = KEYS, *, broken: float = 0.35) -> Row:
    """Return a row, a share of them ``broken``. ``keys`` are those that its foreign keys may name."""
    row = valid_row(rng, table, key, updated_at, keys)
    return row | rng.choice(BREAKS[table]) if rng.random() < broken else row


def events(rng: Random, first_id: int, count: int, keys: Keys = KEYS) -> list[Row]:
    """Return status events with growing ids at instants that go back and forth, meet, and repeat statuses."""
    return [
        {
            "event_id": first_id + number,
            "shipment_id": rng.choice((*keys["shipments"], "S-404", None))
            if rng.random() < 0.2
            else rng.choice(keys["shipments"]),
            "status": rng.choice(NOT_STATUSES) if rng.random() < 0.12 else rng.choice(STATUSES[:4]),
            "changed_at": None if rng.random() < 0.03 else T0 + rng.randrange(12) * timedelta(hours=1),
        }
        for number in range(count)
    ]


def _customer(rng: Random, key: Any, keys: Keys) -> Row:
    texts = {"name": f"Customer {key}", "email": "a@b.example", "phone": "1", "address": "Street\n1", "city": "पुणे"}
    return {"customer_id": key, **texts, "created_at": T0}


def _order(rng: Random, key: Any, keys: Keys) -> Row:
    return {
        "order_id": key,
        "customer_id": rng.choice(keys["customers"]),
        "order_date": T0,
        "total_amount": Decimal(rng.randrange(10**9)) / 100,
        "priority": rng.choice(("High", None)),
        "status": "Open",
    }


def _vehicle(rng: Random, key: Any, keys: Keys) -> Row:
    return {
        "vehicle_id": key,
        # Vehicles keep their plate mostly, and change it sometimes: Gold follows the current one.
        "license_plate": PLATES[key % len(PLATES)] if rng.random() < 0.8 else rng.choice(PLATES),
        "vehicle_type": "Reefer",
        "capacity_kg": 9000,
        "has_refrigeration": rng.choice((True, False, None)),
        "status": "Active",
        "created_at": T0,
    }


def _driver(rng: Random, key: Any, keys: Keys) -> Row:
    texts = {"name": f"Driver {key}", "phone_number": "1", "license_number": "L", "status": "Active"}
    return {"driver_id": key, **texts, "rating": Decimal(rng.randrange(500)) / 100, "created_at": T0}


def _warehouse(rng: Random, key: Any, keys: Keys) -> Row:
    texts = {"name": f"Hub {key}", "city": rng.choice(("Pune", "Delhi", None)), "state": "MH", "pincode": "411001"}
    return {"warehouse_id": key, **texts, "latitude": 18.5, "longitude": 73.9, "capacity_sqft": 1, "created_at": T0}


def _shipment_type(rng: Random, key: Any, keys: Keys) -> Row:
    lowest, highest, minutes = rng.choice(LIMITS)
    return {
        "type_name": key,
        "min_temperature": Decimal(lowest),
        "max_temperature": Decimal(highest),
        "max_excursion_minutes": minutes,
        "description": None,
    }


def _shipment(rng: Random, key: Any, keys: Keys) -> Row:
    expected = rng.choice((None, T0 + 20 * HALF_HOUR))
    actual = rng.choice((None, T0 + 20 * HALF_HOUR, T0 + 20 * HALF_HOUR + MICROSECOND, T0 + 19 * HALF_HOUR))
    return {
        "shipment_id": key,
        "order_id": rng.choice(keys["orders"]),
        "origin_warehouse_id": rng.choice(keys["warehouses"]),
        "destination_city": rng.choice(("Mumbai", None)),
        "shipment_type": rng.choice(keys["shipment_types"]),
        "status": rng.choice(STATUSES),
        "expected_delivery_at": expected,
        "actual_delivery_at": actual,
        "created_at": rng.choice((T0, T0 - MICROSECOND, datetime(2025, 12, 31, 23, 59, 59, 999999, UTC))),
    }


def _assignment(rng: Random, key: Any, keys: Keys) -> Row:
    start = T0 + rng.randrange(24) * HALF_HOUR
    length = rng.choice((None, 0, 1, 2, 4, 12, 48))
    return {
        "assignment_id": key,
        "shipment_id": rng.choice(keys["shipments"]),
        "vehicle_id": rng.choice(keys["vehicles"]),
        "driver_id": rng.choice(keys["drivers"]),
        "assignment_start_time": start,
        "assignment_end_time": None if length is None else start + length * HALF_HOUR,
        "status": rng.choice(("ACTIVE", "COMPLETED", "COMPLETED", "CANCELLED")),
    }


_MAKERS = {
    "customers": _customer,
    "orders": _order,
    "vehicles": _vehicle,
    "drivers": _driver,
    "warehouses": _warehouse,
    "shipment_types": _shipment_type,
    "shipments": _shipment,
    "truck_assignments": _assignment,
}
