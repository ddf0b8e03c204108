"""The hour that comes to a lakehouse with history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.history_lake import TRUCKS, Book, Row, assignment, numbers_of, reading, shipment
from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import BY_NAME
from smart_logistics.lake import tables
from smart_logistics.lake.tables import instant

READINGS_A_TRUCK = 60


def next_hour(root: Path, now: datetime) -> None:
    """Bring 3,000 readings of 50 trucks, and an event, a row version and the end of a journey for 50 shipments."""
    numbers, at = numbers_of(-1), now + timedelta(minutes=59)
    book = Book(root)
    stamp = tables.new_stamp(tables.all_progress(str(root)))
    lineage = {"_ingested_at": instant(stamp), "_run_id": "now", "_ingestion_date": instant(stamp).date()}
    start = now - timedelta(days=1) + timedelta(minutes=1)
    news: Mapping[str, list[Row]] = {
        "shipments": [shipment(n, start, status="Delivered", updated_at=at) for n in numbers],
        "shipment_status_events": [
            {"event_id": n * 10 + 5, "shipment_id": f"S{n:07}", "status": "Delivered", "changed_at": at}
            for n in numbers
        ],
        "truck_assignments": [assignment(n, start, at) for n in numbers],
    }
    for name, rows in news.items():
        filled = [{column: row.get(column) for column in BY_NAME[name].column_names} | lineage for row in rows]
        book.add(bronze.EXTRACTED[name], filled, "bronze_ingest_sql", stamp)
    file = f"iot_telemetry_{now:%Y%m%d_%H%M%S}_now.json"
    records = [
        reading(truck, now + timedelta(minutes=n, seconds=30), file, n * TRUCKS + truck + 1, instant(stamp))
        for n in range(READINGS_A_TRUCK)
        for truck in range(TRUCKS)
    ]
    book.add(bronze.IOT_TELEMETRY, records, "bronze_ingest_iot", stamp)
    log = {
        "file_name": file,
        "file_size_bytes": 1,
        "record_count": len(records),
        "rejected_count": 0,
        "checksum_md5": "f" * 32,
        "processed_at": instant(stamp),
        "status": "LOADED",
    }
    book.add(bronze.PROCESSED_FILES_LOG, [log], "bronze_ingest_iot", stamp)
    book.flush()
