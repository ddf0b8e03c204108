"""A lakehouse with some days of history, written in bulk.

Each day brings 50 orders, shipments and assignments, 150 status events, and a reading of each of 50 trucks every hour;
one in ten readings came twice. Tables without days have a file for each week, the last day has files of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks import history_figures
from smart_logistics.contracts import ALL_TABLES, bronze, gold, ops, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.tables import instant

TRUCKS, A_DAY = 50, 50
HOLD_MINUTES = 60
_MANY = 1_000_000
_DAYS_A_FILE = 7
Row = dict[str, Any]


def fill(root: Path, days: int, now: datetime) -> None:
    """Write ``days`` days, the last of which ends ``now``, as the jobs would have left them."""
    first = now - timedelta(days=days)
    book = Book(root)
    _master_data(book, _stamp(first))
    for number in range(days):
        day = number - days
        if day == -1 or number % _DAYS_A_FILE == 0:
            book.flush()
        _day(book, day, first + timedelta(days=number))
    book.flush()
    for table in ALL_TABLES:
        # The jobs' many commits have one behind each twenty of them; these few have none.
        if (found := tables.open_table(str(root), table)) is not None:
            found.create_checkpoint()
    with tables.writing(str(root), gold.SHIPMENT_ANALYTICS):
        # Without it the next run would take the rows for those of another hold time, and judge all of them again.
        tables.set_property(str(root), gold.SHIPMENT_ANALYTICS, gold.HOLD_PROPERTY, str(HOLD_MINUTES))


def _stamp(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class Book:
    """Rows on their way into a lakehouse; each ``flush`` is one commit in each table, and a file for each partition."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self._last: dict[tuple[str, str], tuple[Table, int]] = {}

    def add(self, table: Table, rows: list[Row], app: str, stamp: int) -> None:
        """Add rows; ``stamp`` is the progress of ``app`` with them."""
        neutral = {c.name: None if c.nullable else _NEUTRAL.get(c.type) for c in table.columns}
        self._rows[table.full_name, app] += [{c: row.get(c, value) for c, value in neutral.items()} for row in rows]
        self._last[table.full_name, app] = (table, stamp)

    def flush(self) -> None:
        """Write what was added."""
        for (name, app), (table, stamp) in self._last.items():
            tables.append_rows(str(self.root), table, self._rows[name, app], app=app, stamp=stamp)
        self._rows.clear()
        self._last.clear()


_NEUTRAL: Mapping[str, Any] = {
    "string": "None",
    "bigint": 0,
    "int": 0,
    "double": 0.0,
    "boolean": False,
    "array<string>": [],
    "array<int>": [],
}


def _both(book: Book, name: str, rows: list[Row], stamp: int) -> None:
    """Write source rows to Bronze and to their Silver table."""
    at = instant(stamp)
    lineage = {"_ingested_at": at, "_run_id": "r", "_ingestion_date": at.date()}
    book.add(bronze.EXTRACTED[name], [row | lineage for row in rows], "bronze_ingest_sql", stamp)
    table = silver.LATEST.get(name) or {silver.EVENTS.name: silver.EVENTS}.get(name)
    if table is not None:
        marks = {"_ingested_at": at, "_changed_at": instant(stamp + 1), "_used_changed_at": instant(stamp + 1)}
        book.add(table, [row | marks for row in rows], "silver_transactional", stamp + 1)


def _master_data(book: Book, stamp: int) -> None:
    old = {"created_at": instant(stamp), "updated_at": instant(stamp)}
    _both(book, "customers", [{"customer_id": n, "name": f"Customer {n}"} | old for n in range(50)], stamp)
    _both(book, "drivers", [{"driver_id": n, "name": f"Driver {n}"} | old for n in range(30)], stamp)
    _both(book, "warehouses", [{"warehouse_id": n, "city": f"City {n}"} | old for n in range(20)], stamp)
    limits = {"min_temperature": Decimal(2), "max_temperature": Decimal(8), "max_excursion_minutes": 60}
    _both(book, "shipment_types", [{"type_name": "Refrigerated"} | limits | old], stamp)
    _both(book, "vehicles", [{"vehicle_id": n, "license_plate": plate(n)} | old for n in range(TRUCKS)], stamp)


def plate(number: int) -> str:
    """Return a truck's plate."""
    return f"MH12AB{number:04}"


def shipment(number: int, created: datetime, **values: Any) -> Row:
    """Return a source row."""
    return {
        "shipment_id": f"S{number:07}",
        "order_id": f"O{number:07}",
        "origin_warehouse_id": number % 20,
        "destination_city": "Pune",
        "shipment_type": "Refrigerated",
        "status": "In Transit",
        "created_at": created,
        "updated_at": created,
    } | values


def assignment(number: int, start: datetime, end: datetime | None) -> Row:
    """Return a source row; without ``end`` it is open."""
    return {
        "assignment_id": number,
        "shipment_id": f"S{number:07}",
        "vehicle_id": number % TRUCKS,
        "driver_id": number % 30,
        "assignment_start_time": start,
        "assignment_end_time": end,
        "status": "ACTIVE" if end is None else "COMPLETED",
        "updated_at": start,
    }


def numbers_of(day: int) -> range:
    """Return the numbers of the orders of a day; -1 is the last one."""
    return range(_MANY + day * A_DAY, _MANY + (day + 1) * A_DAY)


def _day(book: Book, day: int, start: datetime) -> None:
    numbers = numbers_of(day)
    is_last = day == -1
    stamp = _stamp(start + timedelta(hours=23))
    created = start + timedelta(minutes=1)
    end = None if is_last else start + timedelta(hours=20)
    orders = [
        {
            "order_id": f"O{n:07}",
            "customer_id": n % 50,
            "total_amount": Decimal(10),
            "order_date": start,
            "updated_at": start,
        }
        for n in numbers
    ]
    _both(book, "orders", orders, stamp)
    shipments = [shipment(n, created) for n in numbers]
    _both(book, "shipments", shipments, stamp)
    statuses = ("Created", "Assigned", "In Transit")
    events = [
        {"event_id": n * 10 + k, "shipment_id": f"S{n:07}", "status": status, "changed_at": start + timedelta(hours=k)}
        for n in numbers
        for k, status in enumerate(statuses)
    ]
    _both(book, "shipment_status_events", events, stamp)
    _versions(book, shipments, statuses, start, stamp)
    _both(book, "truck_assignments", [assignment(n, created, end) for n in numbers], stamp)
    held = _readings(book, day, start, stamp)
    place = {"year": created.year, "month": created.month}
    answers = [
        {
            "shipment_id": one["shipment_id"],
            "order_id": one["order_id"],
            "created_at": created,
            "updated_at": instant(stamp + 2),
            "truck_ids": [],
            "driver_ids": [],
        }
        | place
        for one in shipments
    ]
    book.add(gold.SHIPMENT_ANALYTICS, answers, "gold_aggregate", stamp + 2)
    excursions = [
        {
            "shipment_id": one["shipment_id"],
            "truck_id": "T",
            "excursion_no": 1,
            "started_at": start,
            "ended_at": start,
            "peak_at": start,
            "reading_count": 1,
            "peak_temperature": 9.0,
            "peak_deviation": 1.0,
            "severity": "Minor",
        }
        | place
        for one in shipments[:5]
    ]
    book.add(gold.TEMPERATURE_EXCURSIONS, excursions, "gold_aggregate", stamp + 2)
    of_day = (start.date(), instant(stamp + 2))
    book.add(gold.FLEET_DAILY, history_figures.trucks(held, excursions, *of_day), "gold_aggregate", stamp + 2)
    book.add(gold.ROUTE_DAILY, history_figures.routes(answers, *of_day), "gold_aggregate", stamp + 2)
    check = {
        "run_id": f"day {day}",
        "layer": "bronze",
        "table_name": "iot_telemetry",
        "check_name": "new_rows",
        "severity": "warn",
        "status": "pass",
        "value": 1320.0,
        "checked_at": start,
    }
    book.add(ops.DQ_METRICS, [check], "data_quality_check", stamp + 3)


def _versions(book: Book, shipments: list[Row], statuses: tuple[str, ...], start: datetime, stamp: int) -> None:
    rows = [
        one
        | {
            "shipment_sk": int(one["shipment_id"][1:]) * 10 + k,
            "status": status,
            "version": k + 1,
            "effective_start_ts": start + timedelta(hours=k),
            "effective_end_ts": start + timedelta(hours=k + 1) if k < 2 else None,
            "is_current": k == len(statuses) - 1,
            "_row_status": one["status"],
            "created_month": f"{one['created_at']:%Y-%m}",
            "_ingested_at": instant(stamp),
            "_changed_at": instant(stamp + 1),
        }
        for one in shipments
        for k, status in enumerate(statuses)
    ]
    book.add(silver.SHIPMENT_VERSIONS, rows, "silver_transactional", stamp + 1)


def reading(truck: int, at: datetime, file: str, position: int, ingested: datetime) -> Row:
    """Return a record as Bronze holds it."""
    return {
        "truck_id": plate(truck),
        "timestamp": at.isoformat(),
        "event_ts": at,
        "temperature": 5.0 + truck % 7,
        "latitude": 18.5,
        "longitude": 73.8,
        "source_file": file,
        "position": position,
        "raw_payload": f'{{"truck_id": "{plate(truck)}"}}',
        "_ingested_at": ingested,
        "_run_id": "r",
        "reading_date": at.date(),
    }


def _readings(book: Book, day: int, start: datetime, stamp: int) -> list[Row]:
    at, file = instant(stamp), f"iot_telemetry_{start:%Y%m%d_%H%M%S}_gw.json"
    kept = [
        reading(truck, start + timedelta(hours=hour, minutes=truck), file, hour * TRUCKS + truck + 1, at)
        for hour in range(24)
        for truck in range(TRUCKS)
    ]
    again = [row | {"position": 10_000 + n} for n, row in enumerate(kept[::10])]
    book.add(bronze.IOT_TELEMETRY, [*kept, *again], "bronze_ingest_iot", stamp)
    held = [row | {"is_outlier": False, "_changed_at": instant(stamp + 1)} for row in kept]
    for date in sorted({row["reading_date"] for row in held}):
        book.add(silver.IOT_TELEMETRY, [row for row in held if row["reading_date"] == date], "silver_iot", stamp + 1)
    letters = [
        {
            "record_id": f"{_MANY + day}-{row['position']}",
            "source_table": "iot_telemetry",
            "source_file": file,
            "source_key": f"{file}:{row['position']}",
            "rejection_reason": "DUPLICATE_DETECTED",
            "raw_payload": row["raw_payload"],
            "layer": "silver",
            "rejected_at": instant(stamp + 1),
            "reprocessing_status": "PENDING",
            "_ingested_at": at,
            "rejection_date": at.date(),
        }
        for row in again
    ]
    book.add(bronze.REJECTED_RECORDS, letters, "silver_iot", stamp + 1)
    log = {
        "file_name": file,
        "file_size_bytes": 1,
        "record_count": len(kept) + len(again),
        "rejected_count": 0,
        "checksum_md5": f"{_MANY + day:032}",
        "processed_at": at,
        "status": "LOADED",
    }
    book.add(bronze.PROCESSED_FILES_LOG, [log], "bronze_ingest_iot", stamp)
    return held
