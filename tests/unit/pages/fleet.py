"""What the pages are shown: a journey with everything, shipments around it, and texts that would be markup."""

from __future__ import annotations

from datetime import datetime, timedelta

from smart_logistics.contracts import bronze, gold, ops, silver
from smart_logistics.contracts.dispositions import Decision, Via
from smart_logistics.dispositions import book
from smart_logistics.dispositions.book import Request
from smart_logistics.pages.auth import PIPELINE
from tests.unit.views import lake
from tests.unit.views.lake import HOUR, START
from tests.unit.views.test_fleet import DAY, route_day, truck_day

HOSTILE = "<script>window.hurt=1</script>/..?x='\"&\u202e"
HOSTILE_FILE = "iot_<img src=x onerror=window.hurt=1>.json"
# Whose excursions are decided; tests may decide about them again, and nothing is open then either.
DECIDED = ("S1", HOSTILE)
FAILED_RUN = "scheduled__2026-11-28T18:00:00+00:00"
NO_READINGS = {"reading_count": 0, "avg_temperature": None, "min_temperature": None, "max_temperature": None}


def fill(root: str) -> None:
    """Write it."""
    lake.a_journey(root)
    others = [
        lake.alert(
            "S-critical", "Critical", 90.0, shipment_type="Frozen", status="In Transit", destination_city="Delhi"
        ),
        lake.alert("S-minor", "Minor", 5.0, origin_city="Chennai", truck_ids=["TN09ZZ9999"]),
        lake.alert("..", "Minor", 6.0, origin_city="Chennai"),
        lake.gold_row("S-unknown", **NO_READINGS, data_coverage=None, trip_start=None, trip_end=None, truck_ids=[]),
        lake.gold_row("=cmd()", created_at=START - timedelta(days=40), data_coverage=0.979),
        lake.alert(HOSTILE, "Major", 20.0, shipment_type=HOSTILE, destination_city=HOSTILE, truck_ids=[HOSTILE]),
    ]
    for month in (9, 11):
        lake.put(root, gold.SHIPMENT_ANALYTICS, [row for row in others if row["month"] == month])
    lake.put(
        root,
        gold.TEMPERATURE_EXCURSIONS,
        [
            lake.excursion("S-critical", 1, START, severity="Critical", minutes=90.0, peak_latitude=23.1),
            lake.excursion(HOSTILE, 1, START, truck_id=HOSTILE),
        ],
    )
    for number, shipment_id in enumerate(DECIDED):
        book.decide(root, Request(str(number), shipment_id, 1, Decision.QUARANTINE, "why", "asha", Via.AIRFLOW))
    plate = {"vehicle_id": 3, "license_plate": HOSTILE}
    stamps = {"_ingested_at": START, "_changed_at": START, "_used_changed_at": START, "is_deleted": False}
    lake.put(root, silver.VEHICLES, [plate | stamps])
    lake.put(root, silver.TRUCK_ASSIGNMENTS, [lake.assignment(9, HOSTILE, 3, START, None)])
    readings = [lake.reading(HOSTILE, START + timedelta(minutes=n), float(n)) for n in range(3)]
    figures(root)
    lake.put(root, silver.IOT_TELEMETRY, [one | {"source_file": HOSTILE_FILE} for one in readings])


def figures(root: str) -> None:
    """Two days of two trucks, and of a route to a place whose name would be markup."""
    warm = {"excursion_minutes": 90.0, "critical_excursions": 1, "major_excursions": 0}
    days = [
        truck_day(lake.FIRST, DAY, deliveries=1000, on_time_deliveries=999),
        truck_day(lake.FIRST, DAY + timedelta(days=1), excursion_minutes=20.0),
        truck_day(HOSTILE.upper(), DAY, **warm),
    ]
    lake.put(root, gold.FLEET_DAILY, days)
    lake.put(root, gold.ROUTE_DAILY, [route_day("Mumbai", "Pune", DAY, shipments=2), route_day(None, HOSTILE, DAY)])


def run_log(root: str, now: datetime) -> None:
    """A good run an hour ago, a failed one just now, what they rejected, checked and took; a missed deadline."""
    ends = {"good": now - HOUR, FAILED_RUN: now - 10 * lake.MINUTE}
    for number, (run_id, ended_at) in enumerate(ends.items()):
        state = "failed" if run_id == FAILED_RUN else "success"
        begun = ended_at - timedelta(minutes=3)
        row = {"run_id": run_id, "dag_id": PIPELINE, "state": state, "run_type": "scheduled", "duration_s": 180.0}
        rows = {"bronze_rows": 1234, "silver_rows": 9, "gold_rows": 2, "rejected_rows": 1}
        lake.put(root, ops.PIPELINE_RUNS, [row | rows | {"started_at": begun, "ended_at": ended_at}])
        tried = {"run_id": run_id, "task_id": "silver_iot", "try_number": 1, "state": state, "duration_s": 60.0}
        error = f"driver <b>lost</b> in {HOSTILE_FILE}" if state == "failed" else None
        lake.put(root, ops.TASK_RUNS, [tried | {"started_at": begun, "error": error}])
        check = {"run_id": run_id, "layer": "gold", "table_name": "shipment_analytics", "severity": "error"}
        status = {
            "status": "fail" if state == "failed" else "pass",
            "value": 3.0,
            "threshold": 0.0,
            "checked_at": ended_at,
        }
        lake.put(root, ops.DQ_METRICS, [check | status | {"check_name": "unique_key", "detail": HOSTILE}])
        file = {"file_name": HOSTILE_FILE, "checksum_md5": str(number), "status": "LOADED", "record_count": 5}
        lake.put(
            root, bronze.PROCESSED_FILES_LOG, [file | {"rejected_count": 0, "processed_at": begun, "run_id": run_id}]
        )
    lake.put(root, bronze.REJECTED_RECORDS, [lake.letter(99, "DUPLICATE_DETECTED", "{}", now - HOUR, run_id="good")])
    missed = {"dag_id": PIPELINE, "run_id": "good", "deadline": "slow run", "severity": "warn", "detail": "took 40 min"}
    lake.put(root, ops.MISSED_DEADLINES, [missed | {"missed_at": now - HOUR, "limit_minutes": 30.0}])
