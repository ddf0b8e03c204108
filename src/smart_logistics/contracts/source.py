"""The source database: schema ``logistics`` in PostgreSQL, as the contract names it. Types are Spark's.

Nothing but names and types is relied upon: keys may repeat, foreign keys may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from smart_logistics.contracts.model import Column

SCHEMA = "logistics"
DATABASE = "logistics"


@dataclass(frozen=True)
class ForeignKey:
    """``column`` names a row of the Silver table ``parent`` by its key."""

    column: str
    parent: str


@dataclass(frozen=True)
class SourceTable:
    """One source table: its columns, its key, what must not be null, and what it refers to."""

    name: str
    columns: tuple[Column, ...]
    key: str
    critical: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)


def _columns(text: str) -> tuple[Column, ...]:
    pairs = (entry.strip().split(" ", 1) for entry in text.split(";"))
    return tuple(Column(name, type_.strip()) for name, type_ in pairs)


CUSTOMERS = SourceTable(
    "customers",
    _columns(
        "customer_id int; name string; email string; phone string; address string; city string; created_at timestamp;"
        "updated_at timestamp"
    ),
    "customer_id",
    ("customer_id",),
)
ORDERS = SourceTable(
    "orders",
    _columns(
        "order_id string; customer_id int; order_date timestamp; total_amount decimal(12,2); priority string;"
        "status string; updated_at timestamp"
    ),
    "order_id",
    ("order_id", "customer_id"),
    (ForeignKey("customer_id", "customers"),),
)
SHIPMENTS = SourceTable(
    "shipments",
    _columns(
        "shipment_id string; order_id string; origin_warehouse_id int; destination_city string; shipment_type string;"
        "status string; expected_delivery_at timestamp; actual_delivery_at timestamp; created_at timestamp;"
        "updated_at timestamp"
    ),
    "shipment_id",
    ("shipment_id", "order_id", "shipment_type", "status", "created_at"),
    (ForeignKey("order_id", "orders"), ForeignKey("shipment_type", "shipment_types")),
)
SHIPMENT_STATUS_EVENTS = SourceTable(
    "shipment_status_events",
    _columns("event_id bigint; shipment_id string; status string; changed_at timestamp"),
    "event_id",
    ("event_id", "shipment_id", "status", "changed_at"),
    (ForeignKey("shipment_id", "shipments"),),
)
VEHICLES = SourceTable(
    "vehicles",
    _columns(
        "vehicle_id int; license_plate string; vehicle_type string; capacity_kg int; has_refrigeration boolean;"
        "status string; created_at timestamp; updated_at timestamp"
    ),
    "vehicle_id",
    ("vehicle_id", "license_plate"),
)
DRIVERS = SourceTable(
    "drivers",
    _columns(
        "driver_id int; name string; phone_number string; license_number string; status string; rating decimal(3,2);"
        "created_at timestamp; updated_at timestamp"
    ),
    "driver_id",
    ("driver_id",),
)
WAREHOUSES = SourceTable(
    "warehouses",
    _columns(
        "warehouse_id int; name string; city string; state string; pincode string; latitude double; longitude double;"
        "capacity_sqft int; created_at timestamp; updated_at timestamp"
    ),
    "warehouse_id",
    ("warehouse_id",),
)
SHIPMENT_TYPES = SourceTable(
    "shipment_types",
    _columns(
        "type_name string; min_temperature decimal(5,2); max_temperature decimal(5,2); max_excursion_minutes int;"
        "description string; updated_at timestamp"
    ),
    "type_name",
    ("type_name", "min_temperature", "max_temperature"),
)
TRUCK_ASSIGNMENTS = SourceTable(
    "truck_assignments",
    _columns(
        "assignment_id int; shipment_id string; vehicle_id int; driver_id int; assignment_start_time timestamp;"
        "assignment_end_time timestamp; status string; updated_at timestamp"
    ),
    "assignment_id",
    ("assignment_id", "shipment_id", "vehicle_id", "assignment_start_time", "status"),
    (ForeignKey("shipment_id", "shipments"), ForeignKey("vehicle_id", "vehicles")),
)

# Parents before children: Silver judges them in this order.
SOURCE_TABLES: tuple[SourceTable, ...] = (
    CUSTOMERS,
    DRIVERS,
    WAREHOUSES,
    SHIPMENT_TYPES,
    VEHICLES,
    ORDERS,
    SHIPMENTS,
    SHIPMENT_STATUS_EVENTS,
    TRUCK_ASSIGNMENTS,
)
BY_NAME = {table.name: table for table in SOURCE_TABLES}
