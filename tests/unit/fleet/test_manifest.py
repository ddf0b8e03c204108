"""The manifest, counted from the plan, agrees with the oracle, which recomputes everything from the rows and files."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from smart_logistics.fleet import manifest as manifests
from smart_logistics.fleet.manifest import Observed, compare
from smart_logistics.fleet.plan import LAST_WAVE, Plan
from tests.oracle import Expected
from tests.unit.fleet.office import Office

ANCHOR = datetime(2026, 3, 1, 12, tzinfo=UTC)


def observed(seen: Expected) -> Observed:
    analytics = seen.tables["gold.shipment_analytics"]
    readings = seen.tables["silver.iot_telemetry"]
    return Observed(
        len(analytics),
        Counter(row["alert_severity"] for row in analytics),
        len(seen.tables["gold.temperature_excursions"]),
        Counter(f"{letter.source_table}.{letter.reason}" for letter in seen.dead_letters),
        Counter(row["outlier_reason"] for row in readings if row["is_outlier"]),
        len(readings),
        Counter(row["status"] for row in seen.tables["bronze.processed_files_log"]),
    )


@pytest.mark.parametrize(
    ("seed", "scale", "days"),
    [(42, 1, 14), (0, 1, 3), (7, 1, 4), (-1, 1, 9), (2026, 1, 13), (5, 2, 3), (11, 1, 15)],
)
def test_the_manifest_is_what_the_oracle_finds_after_every_wave(seed: int, scale: int, days: int) -> None:
    plan = Plan(seed, scale, days, ANCHOR)
    office = Office(plan)
    for wave in range(1, LAST_WAVE + 1):
        office.tell(wave)
        told, seen = manifests.expected(plan, wave), office.expect()
        assert compare(told, observed(seen)) == [], f"wave {wave}"
        gold = seen.tables["gold.shipment_analytics"]
        assert told["alerted_shipments"] == sorted(row["shipment_id"] for row in gold if row["temperature_alert"])
        assert told["source_rows"] == {table: len(rows) for table, rows in office.rows.items()}
        log = seen.tables["bronze.processed_files_log"]
        assert told["records"] == sum(row["record_count"] for row in log if row["status"] == "LOADED")
        assert told["duplicates"] == told["rejections"]["iot_telemetry.DUPLICATE_DETECTED"]
