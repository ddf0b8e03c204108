"""Contract §3 and the row rules of §5, transcribed: columns, keys, critical columns, business rules, parents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

SHIPMENT_STATUSES = frozenset(
    {"Created", "Assigned", "In Transit", "Out for Delivery", "Delivered", "Cancelled", "Returned", "Failed Delivery"}
)
ASSIGNMENT_STATUSES = frozenset({"ACTIVE", "COMPLETED", "CANCELLED"})


@dataclass(frozen=True)
class SourceTable:
    """One source table as the contract describes it."""

    name: str
    key: str
    columns: Mapping[str, str]
    critical: tuple[str, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    sound: Callable[[Mapping[str, Any]], bool] = lambda _: True


def holds(kind: str, value: Any) -> bool:
    """Return whether ``value`` is a value of a column of this kind. NaN and infinities are values of none."""
    if value is None:
        return True
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int)
    if kind == "text":
        return isinstance(value, str)
    if kind == "instant":
        return isinstance(value, datetime)
    if kind == "numeric":
        return isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite())
    assert kind == "double", kind
    return isinstance(value, int | float) and isfinite(value)


def _columns(ints: str = "", texts: str = "", instants: str = "", **others: str) -> dict[str, str]:
    kinds = {"int": ints, "text": texts, "instant": instants, **others}
    return {name: kind for kind, names in kinds.items() for name in names.split()}


def _sound_amount(row: Mapping[str, Any]) -> bool:
    return row["total_amount"] is None or row["total_amount"] >= 0


def _sound_limits(row: Mapping[str, Any]) -> bool:
    return bool(row["min_temperature"] <= row["max_temperature"])


def _sound_assignment(row: Mapping[str, Any]) -> bool:
    end = row["assignment_end_time"]
    return row["status"] in ASSIGNMENT_STATUSES and (end is None or end >= row["assignment_start_time"])


def _sound_status(row: Mapping[str, Any]) -> bool:
    return row["status"] in SHIPMENT_STATUSES


# Parents before children.
TABLES: tuple[SourceTable, ...] = (
    SourceTable(
        "customers", "customer_id", _columns("customer_id", "name email phone address city", "created_at updated_at")
    ),
    SourceTable(
        "orders",
        "order_id",
        _columns("customer_id", "order_id priority status", "order_date updated_at", numeric="total_amount"),
        ("customer_id",),
        {"customer_id": "customers"},
        _sound_amount,
    ),
    SourceTable(
        "vehicles",
        "vehicle_id",
        _columns(
            "vehicle_id capacity_kg",
            "license_plate vehicle_type status",
            "created_at updated_at",
            bool="has_refrigeration",
        ),
        ("license_plate",),
    ),
    SourceTable(
        "drivers",
        "driver_id",
        _columns("driver_id", "name phone_number license_number status", "created_at updated_at", numeric="rating"),
    ),
    SourceTable(
        "warehouses",
        "warehouse_id",
        _columns(
            "warehouse_id capacity_sqft",
            "name city state pincode",
            "created_at updated_at",
            double="latitude longitude",
        ),
    ),
    SourceTable(
        "shipment_types",
        "type_name",
        _columns(
            "max_excursion_minutes", "type_name description", "updated_at", numeric="min_temperature max_temperature"
        ),
        ("min_temperature", "max_temperature"),
        sound=_sound_limits,
    ),
    SourceTable(
        "shipments",
        "shipment_id",
        _columns(
            "origin_warehouse_id",
            "shipment_id order_id destination_city shipment_type status",
            "expected_delivery_at actual_delivery_at created_at updated_at",
        ),
        ("order_id", "shipment_type", "status", "created_at"),
        {"order_id": "orders", "shipment_type": "shipment_types"},
        _sound_status,
    ),
    SourceTable(
        "shipment_status_events",
        "event_id",
        _columns("event_id", "shipment_id status", "changed_at"),
        ("shipment_id", "status", "changed_at"),
        {"shipment_id": "shipments"},
        _sound_status,
    ),
    SourceTable(
        "truck_assignments",
        "assignment_id",
        _columns(
            "assignment_id vehicle_id driver_id",
            "shipment_id status",
            "assignment_start_time assignment_end_time updated_at",
        ),
        ("shipment_id", "vehicle_id", "assignment_start_time", "status"),
        {"shipment_id": "shipments", "vehicle_id": "vehicles"},
        _sound_assignment,
    ),
)
BY_NAME = {table.name: table for table in TABLES}
