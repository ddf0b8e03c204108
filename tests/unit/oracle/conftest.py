"""Sound rows of every table, of which a test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.model import Row, Version

T0 = datetime(2026, 3, 1, tzinfo=UTC)


SOUND: dict[str, Row] = {
    "customers": {"customer_id": 1, "name": "C", "updated_at": T0},
    "orders": {"order_id": "O1", "customer_id": 1, "total_amount": Decimal("1.00"), "updated_at": T0},
    "vehicles": {"vehicle_id": 1, "license_plate": " p1 ", "updated_at": T0},
    "drivers": {"driver_id": 1, "rating": Decimal("4.50"), "updated_at": T0},
    "warehouses": {"warehouse_id": 1, "city": "Pune", "latitude": 1.0, "updated_at": T0},
    "shipment_types": {
        "type_name": "Cold",
        "min_temperature": Decimal("2.00"),
        "max_temperature": Decimal("8.00"),
        "max_excursion_minutes": 60,
        "updated_at": T0,
    },
    "shipments": {
        "shipment_id": "S1",
        "order_id": "O1",
        "origin_warehouse_id": 1,
        "shipment_type": "Cold",
        "status": "Created",
        "created_at": T0,
        "updated_at": T0 + timedelta(minutes=5),
    },
    "shipment_status_events": {"event_id": 1, "shipment_id": "S1", "status": "Created", "changed_at": T0},
    "truck_assignments": {
        "assignment_id": 1,
        "shipment_id": "S1",
        "vehicle_id": 1,
        "driver_id": 1,
        "assignment_start_time": T0,
        "assignment_end_time": T0 + timedelta(hours=10),
        "status": "ACTIVE",
        "updated_at": T0,
    },
}


class Rows:
    """Makes versions: ``rows(batch, table, key, **changes)``; batch n is extracted n hours after T0."""

    def __call__(self, batch: int, table: str, **changes: Any) -> Version:
        return Version(table, SOUND[table] | changes, self.at(batch))

    def everything(self, batch: int = 0) -> list[Version]:
        """One sound version of each table."""
        return [self(batch, table) for table in SOUND]

    def parents(self, batch: int = 0) -> list[Version]:
        """All that a shipment, an event and an assignment need."""
        children = ("shipments", "shipment_status_events", "truck_assignments")
        return [self(batch, table) for table in SOUND if table not in children]

    @staticmethod
    def at(batch: int) -> datetime:
        """When a batch is extracted."""
        return T0 + timedelta(hours=batch)


@pytest.fixture
def rows() -> Rows:
    return Rows()
