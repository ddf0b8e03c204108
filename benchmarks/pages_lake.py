"""A lakehouse for the pages: many shipments in the months of a year, and a year of hourly runs, as upkeep lays them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from tests.unit.views import lake
from tests.unit.views.test_fleet import route_day, truck_day

from smart_logistics.contracts import gold, ops, silver
from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.contracts.model import Table
from smart_logistics.dispositions import chain, seen
from smart_logistics.lake import tables
from smart_logistics.pages.auth import PIPELINE
from smart_logistics.views.snapshot import Snapshot

_SEVERITIES = ("None", "None", "None", "None", "None", "None", "Minor", "Minor", "Major", "Critical")
_CITIES = ("Mumbai", "Delhi", "Pune", "Chennai", "Kolkata", "Jaipur", "Nagpur", "Bhopal", "Indore", "Surat")
_KINDS = ("Refrigerated", "Frozen", "Pharmaceutical", "Perishable", "Ambient", "Dry Goods")
_CHECKS = 40
_ON_TIME = {"deliveries": 3, "on_time_deliveries": 2, "delay_minutes": 40.0}
_OF_A_DAY = _ON_TIME | {"excursion_minutes": 25.0}


def fill_shipments(root: str, count: int, now: datetime) -> None:
    """Write ``count`` shipments over a year, an excursion for each with an alert, and one with a whole journey."""
    lake.parents(root)
    made = (_shipment(number, now - timedelta(days=364) * number / count) for number in range(count))
    for _, rows in groupby(made, key=lambda row: (row["year"], row["month"])):
        month = list(rows)
        _append(root, gold.SHIPMENT_ANALYTICS, month)
        _append(root, gold.TEMPERATURE_EXCURSIONS, (_excursion(row) for row in month if row["temperature_alert"]))
    begun = now - timedelta(days=190)
    _append(root, silver.TRUCK_ASSIGNMENTS, [lake.assignment(1, "S0050000", 1, begun, begun + timedelta(days=3))])
    minutes = range(3 * 24 * 60)
    readings = (lake.reading(lake.FIRST, begun + timedelta(minutes=n), 5 + n % 97 / 20) for n in minutes)
    for _, rows in groupby(readings, key=lambda row: row["reading_date"]):
        _append(root, silver.IOT_TELEMETRY, rows)


def _append(root: str, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    with tables.writing(root, table):
        tables.append_rows(root, table, list(rows))


def _shipment(number: int, created: datetime) -> dict[str, Any]:
    severity = _SEVERITIES[number * 7 % 10]
    given: dict[str, Any] = {
        "created_at": created,
        "shipment_type": _KINDS[number % 6],
        "status": "Delivered" if number > 500 else "In Transit",
        "origin_city": _CITIES[number % 10],
        "destination_city": _CITIES[number // 10 % 10],
        "truck_ids": [f"KA{number % 50:02d}AB{number % 9999:04d}"],
        "trip_start": created + timedelta(hours=2),
        "trip_end": created + timedelta(hours=30),
        "data_coverage": 0.9 if number % 50 == 0 else 1.0,
    }
    shipment_id = f"S{number:07d}"
    if severity == "None":
        return lake.gold_row(shipment_id, **given)
    return lake.alert(shipment_id, severity, 10.0 + number % 300, **given)


def _excursion(row: dict[str, Any]) -> dict[str, Any]:
    number = int(row["shipment_id"][1:])
    place = {"peak_latitude": 9.0 + number % 200 / 10, "peak_longitude": 72.0 + number % 150 / 10}
    month = {"year": row["year"], "month": row["month"], "severity": row["alert_severity"]}
    return lake.excursion(row["shipment_id"], 1, row["trip_start"], minutes=row["excursion_minutes"], **place, **month)


def fill_decisions(root: str, count: int, now: datetime) -> None:
    """Decide about ``count`` of the excursions, the oldest shipments first, as one chain of entries."""
    columns = ("shipment_id", "excursion_no", *seen.FACTS)
    found = Snapshot(root).rows(gold.TEMPERATURE_EXCURSIONS, columns).sort_by([("shipment_id", "descending")])
    entries: list[dict[str, Any]] = []
    for number, one in enumerate(found.slice(0, count).to_pylist(), 1):
        given = {"entry_no": number, "request_id": str(number), "decided_at": now, "author": "asha", "via": "airflow"}
        decision = ("release", "quarantine", "reject")[number % 3]
        versions = {"excursions_version": 1, "analytics_version": 1, "min_threshold": 2.0, "max_threshold": 8.0}
        row = one | given | versions | {"decision": decision, "reason": f"the door stood open, case {number}"}
        entries.append(chain.sealed(row, entries[-1] if entries else None))
    _append(root, EXCURSION_DISPOSITIONS, entries)


def fill_figures(root: str, trucks: int, days: int, now: datetime) -> None:
    """Write the figures of each truck and of a hundred routes for each day, in files of a month."""
    pairs = [(origin, to) for origin in _CITIES for to in _CITIES]
    every = ((now - timedelta(days=n)).date() for n in range(days))
    for _, month in groupby(every, key=lambda day: (day.year, day.month)):
        dates = list(month)
        rows = (truck_day(f"KA{n:02d}", day, **_OF_A_DAY) for day in dates for n in range(trucks))
        _append(root, gold.FLEET_DAILY, rows)
        of_routes = (route_day(origin, to, day, shipments=3, **_ON_TIME) for day in dates for origin, to in pairs)
        _append(root, gold.ROUTE_DAILY, of_routes)


def fill_runs(root: str, days: int, now: datetime) -> None:
    """Write an hourly run with its tasks and checks for each hour of ``days``, in files of a month as upkeep leaves."""
    for hours in _months(days):
        ends = [now - timedelta(hours=hour) for hour in hours]
        _append(root, ops.PIPELINE_RUNS, (_run(end) for end in ends))
        _append(root, ops.TASK_RUNS, (_try(end, task) for end in ends for task in range(9)))
        _append(root, ops.DQ_METRICS, (_check(end, check) for end in ends for check in range(_CHECKS)))


def _months(days: int) -> Iterator[range]:
    for first in range(0, days * 24, 30 * 24):
        yield range(first, min(first + 30 * 24, days * 24))


def _run(end: datetime) -> dict[str, Any]:
    counts = {"bronze_rows": 3000, "silver_rows": 2900, "gold_rows": 40, "rejected_rows": 3}
    times = {"started_at": end - timedelta(minutes=2), "ended_at": end, "duration_s": 120.0 + end.hour}
    named = {"run_id": end.isoformat(), "dag_id": PIPELINE, "state": "success", "run_type": "scheduled"}
    return counts | times | named


def _try(end: datetime, task: int) -> dict[str, Any]:
    named = {"run_id": end.isoformat(), "task_id": f"task_{task}", "try_number": 1, "state": "success"}
    return named | {"started_at": end - timedelta(minutes=2), "ended_at": end, "duration_s": 12.0}


def _check(end: datetime, check: int) -> dict[str, Any]:
    named = {"run_id": end.isoformat(), "layer": "gold", "table_name": f"t{check % 9}", "check_name": f"check_{check}"}
    return named | {"severity": "error", "status": "pass", "value": 0.0, "threshold": 0.0, "checked_at": end}
