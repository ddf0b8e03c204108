"""The source as a test sees it: a real database with the contract's tables, and what happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from smart_logistics.contracts.source import SCHEMA
from tests.postgres import PASSWORD, Server

# PostgreSQL's types for those that the contract names.
DDL = """
CREATE TABLE customers (customer_id int, name text, email text, phone text, address text, city text,
  created_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (order_id text, customer_id int, order_date timestamptz, total_amount numeric(12,2), priority text,
  status text, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE shipments (shipment_id text, order_id text, origin_warehouse_id int, destination_city text,
  shipment_type text, status text, expected_delivery_at timestamptz, actual_delivery_at timestamptz,
  created_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE shipment_status_events (event_id bigint, shipment_id text, status text, changed_at timestamptz);
CREATE TABLE vehicles (vehicle_id int, license_plate text, vehicle_type text, capacity_kg int, has_refrigeration bool,
  status text, created_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE drivers (driver_id int, name text, phone_number text, license_number text, status text,
  rating numeric(3,2), created_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE warehouses (warehouse_id int, name text, city text, state text, pincode text, latitude float8,
  longitude float8, capacity_sqft int, created_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE shipment_types (type_name text, min_temperature numeric(5,2), max_temperature numeric(5,2),
  max_excursion_minutes int, description text, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE truck_assignments (assignment_id int, shipment_id text, vehicle_id int, driver_id int,
  assignment_start_time timestamptz, assignment_end_time timestamptz, status text,
  updated_at timestamptz NOT NULL DEFAULT now());
"""


@dataclass(frozen=True)
class Source:
    """One database with the contract's tables, and what a test does to it."""

    server: Server
    password: str = PASSWORD

    @property
    def dsn(self) -> str:
        return self.server.dsn()

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, options=f"-c search_path={SCHEMA}", **options)

    def execute(self, *statements: str) -> None:
        """Run each statement in a transaction of its own."""
        with self.connect(autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def reset(self) -> None:
        """Make the contract's tables anew, empty."""
        self.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", f"CREATE SCHEMA {SCHEMA}", *DDL.split(";\n")[:-1])
