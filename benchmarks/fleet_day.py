"""A day of a fleet: telemetry files written in bulk by DuckDB, and the shipments that its trucks carry in Silver.

Each truck sends a reading a minute and carries twenty shipments one after the other. About one record in a hundred came
twice with another temperature, and one in seven hundred is wrong in one of seven ways: so every rule has work to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.history_lake import Book, Row
from smart_logistics.contracts import silver
from smart_logistics.lake.tables import instant

MINUTES = 1440
A_TRUCK = 20
_SLOT_MINUTES = MINUTES // A_TRUCK
_FILE_MINUTES = 10
_WAREHOUSES = 20
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
# Name, limits in °C, prolonged exposure in minutes.
TYPES: tuple[tuple[str, int, int, int], ...] = (
    ("Refrigerated", 2, 8, 60),
    ("Frozen", -25, -18, 30),
    ("Pharmaceutical", 2, 8, 30),
    ("Perishable", 0, 4, 60),
    ("Ambient", 15, 25, 240),
    ("Dry Goods", -10, 35, 720),
)
_LINES = """
WITH types AS (SELECT * FROM (VALUES {types}) AS t(type, low, high)),
readings AS (
    SELECT truck, minute, hash(truck, minute, {day}) % 5000 AS luck, copy,
        TIMESTAMP '{start}' + to_minutes(minute) + to_milliseconds(truck % 60000) AS moment,
        (truck + minute // {slot}) % 6 AS type,
        (truck + minute // {slot}) % 10 = 0 AND minute % {slot} BETWEEN 20 AND 40 AS warm
    FROM range({trucks}) AS trucks(truck), range({first}, {last}) AS minutes(minute), range(2) AS copies(copy)
    WHERE copy = 0 OR hash(truck, minute, {day}) % 5000 BETWEEN 100 AND 149
),
measured AS (
    SELECT *,
        round(CASE WHEN warm THEN high + 3 ELSE (low + high) / 2 + sin(minute / 30.0 + truck) END + copy, 2) AS degrees,
        round(10 + truck % 20 + minute * 0.003 + CASE WHEN luck = 6 THEN 5 ELSE 0 END, 6) AS north,
        round(70 + truck % 20 + minute * 0.003, 6) AS east
    FROM readings JOIN types USING (type)
)
SELECT CASE WHEN luck = 0 THEN '{{"truck_id": "T' || truck || '", "timestamp": ' ELSE
    '{{"truck_id": ' || CASE WHEN luck = 2 THEN 'null' ELSE '"' || {plate} || '"' END
    || ', "timestamp": "'
    || CASE WHEN luck = 3 THEN '1999-12-31T23:59:59' ELSE strftime(moment, '%Y-%m-%dT%H:%M:%S.%g') END
    || 'Z", "temperature": '
    || CASE luck WHEN 1 THEN '"' || degrees || '"' WHEN 4 THEN '75.5' ELSE degrees::VARCHAR END
    || ', "latitude": ' || CASE WHEN luck = 5 THEN '95.0' ELSE north::VARCHAR END
    || ', "longitude": ' || east || ', "humidity": ' || (truck + minute) % 100 || '}}' END AS line
FROM measured ORDER BY minute, truck, copy
"""
_PLATE = (
    "'MH12' || chr(65 + (truck // 260000)::INT % 26) || chr(65 + (truck // 10000)::INT % 26)"
    " || lpad((truck % 10000)::VARCHAR, 4, '0')"
)


def plate(truck: int) -> str:
    """Return a truck's plate; the SQL above says the same."""
    return f"MH12{chr(65 + truck // 260_000 % 26)}{chr(65 + truck // 10_000 % 26)}{truck % 10_000:04}"


def land(landing: Path, trucks: int, start: datetime) -> int:
    """Write a day's files; return how many records they hold."""
    landing.mkdir(parents=True, exist_ok=True)
    types = ", ".join(f"({n}, {low}, {high})" for n, (_, low, high, _) in enumerate(TYPES))
    written = 0
    with duckdb.connect(config={"preserve_insertion_order": True}) as base:
        for first in range(0, MINUTES, _FILE_MINUTES):
            at = start + timedelta(minutes=first)
            query = _LINES.format(
                types=types,
                day=start.toordinal(),
                start=f"{start:%Y-%m-%d %H:%M:%S}",
                slot=_SLOT_MINUTES,
                trucks=trucks,
                first=first,
                last=first + _FILE_MINUTES,
                plate=_PLATE,
            )
            file = landing / f"iot_telemetry_{at:%Y%m%d_%H%M%S}_gw.json"
            copied = base.execute(
                f"COPY ({query}) TO '{file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')"
            ).fetchall()
            written += int(copied[0][0])
    return written


def carry(root: Path, trucks: int, days: Mapping[datetime, int], *, masters: bool = True) -> None:
    """Write into Silver what the trucks carry on ``days`` (start → stamp of the batch that brought it).

    With ``masters`` the trucks, warehouses and types too: the first time.
    """
    book = Book(root)
    if masters:
        _masters(book, trucks, min(days.values()))
        book.flush()
    for start, stamp in sorted(days.items()):
        _journeys(book, trucks, (start - _FIRST_DAY).days, start, stamp)
        book.flush()


def _masters(book: Book, trucks: int, stamp: int) -> None:
    marks = {"_ingested_at": instant(stamp), "_changed_at": instant(stamp), "_used_changed_at": instant(stamp)}
    limits = [
        {
            "type_name": name,
            "min_temperature": Decimal(low),
            "max_temperature": Decimal(high),
            "max_excursion_minutes": minutes,
        }
        for name, low, high, minutes in TYPES
    ]
    vehicles = [{"vehicle_id": n, "license_plate": plate(n)} for n in range(trucks)]
    warehouses = [{"warehouse_id": n, "city": f"City {n}"} for n in range(_WAREHOUSES)]
    masters = ((silver.SHIPMENT_TYPES, limits), (silver.VEHICLES, vehicles), (silver.WAREHOUSES, warehouses))
    for table, rows in masters:
        book.add(table, [row | marks for row in rows], "silver_transactional", stamp)


def _journeys(book: Book, trucks: int, day: int, start: datetime, stamp: int) -> None:
    at = instant(stamp)
    marks = {"_ingested_at": at, "_changed_at": at, "_used_changed_at": at}
    orders: list[Row] = []
    shipments: list[Row] = []
    carried: list[Row] = []
    for truck in range(trucks):
        for slot in range(A_TRUCK):
            number = (day * trucks + truck) * A_TRUCK + slot
            begins = start + timedelta(minutes=slot * _SLOT_MINUTES)
            ends = begins + timedelta(minutes=_SLOT_MINUTES)
            one: dict[str, Any] = {"shipment_id": f"S{number:09}", "order_id": f"O{number:09}", "created_at": start}
            orders.append({"order_id": one["order_id"], "customer_id": number % 50, "order_date": start} | marks)
            shipments.append(
                one
                | marks
                | {
                    "shipment_sk": number,
                    "origin_warehouse_id": number % _WAREHOUSES,
                    "destination_city": "Pune",
                    "shipment_type": TYPES[(truck + slot) % len(TYPES)][0],
                    "status": "Delivered",
                    "version": 1,
                    "effective_start_ts": start,
                    "is_current": True,
                    "created_month": f"{start:%Y-%m}",
                    "expected_delivery_at": ends,
                    "actual_delivery_at": ends + timedelta(minutes=number % 30 - 15),
                }
            )
            carried.append(
                {
                    "assignment_id": number,
                    "shipment_id": one["shipment_id"],
                    "vehicle_id": truck,
                    "driver_id": number % 30,
                    "assignment_start_time": begins,
                    "assignment_end_time": ends,
                    "status": "COMPLETED",
                }
                | marks
            )
    for table, rows in (
        (silver.ORDERS, orders),
        (silver.SHIPMENT_VERSIONS, shipments),
        (silver.TRUCK_ASSIGNMENTS, carried),
    ):
        book.add(table, rows, "silver_transactional", stamp)


def midnight(days_ago: int) -> datetime:
    """Return a midnight, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
