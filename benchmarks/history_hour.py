"""The hour that comes to a lakehouse with history: 3,000 readings of 50 trucks in a file, and 50 shipments change."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import history_source
from benchmarks.history_lake import A_DAY, TRUCKS, plate

READINGS_A_TRUCK = 60
READINGS = READINGS_A_TRUCK * TRUCKS
# A row version, an event and the end of a journey of each shipment of the last day.
ROWS_CHANGED = 3 * A_DAY


def next_hour(landing: Path, dsn: str, now: datetime) -> None:
    """Land the file and change the source's rows."""
    records = [
        {
            "truck_id": plate(truck),
            "timestamp": (now + timedelta(minutes=n, seconds=30)).isoformat(),
            "temperature": 5.0 + truck % 7,
            "latitude": 18.5,
            "longitude": 73.8,
        }
        for n in range(READINGS_A_TRUCK)
        for truck in range(TRUCKS)
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (landing / f"iot_telemetry_{now:%Y%m%d_%H%M%S}_now.json").write_text(text, encoding="utf-8")
    history_source.change(dsn, now)
