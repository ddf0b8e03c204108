"""A lakehouse with excursions, a day's decisions about them, and ways to tamper with what was written. No JVM."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from smart_logistics.contracts.dispositions import APP, EXCURSION_DISPOSITIONS, Decision, Via
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.dispositions import book
from smart_logistics.dispositions.book import Request, Written
from smart_logistics.lake import tables

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
Row = dict[str, Any]


def excursion(number: int = 1, shipment_id: str = "S1", **values: Any) -> Row:
    start = NOON + timedelta(hours=number)
    return {
        "shipment_id": shipment_id,
        "truck_id": "MH12AB1234",
        "excursion_no": number,
        "started_at": start,
        "ended_at": start + timedelta(minutes=50),
        "minutes": 50.0,
        "reading_count": 5,
        "peak_temperature": 11.0,
        "peak_deviation": 3.0,
        "peak_at": start + timedelta(minutes=10),
        "severity": "Major",
        "year": 2026,
        "month": 11,
    } | values


def analytics(shipment_id: str = "S1", **values: Any) -> Row:
    row = dict.fromkeys(SHIPMENT_ANALYTICS.column_names)
    return (
        row
        | {
            "shipment_id": shipment_id,
            "truck_ids": ["MH12AB1234"],
            "driver_ids": [],
            "assignment_count": 1,
            "reading_count": 100,
            "avg_temperature": 6.0,
            "min_temperature": 4.0,
            "max_temperature": 11.0,
            "min_threshold": 2.0,
            "max_threshold": 8.0,
            "violation_count": 10,
            "excursion_count": 2,
            "excursion_minutes": 100.0,
            "longest_excursion_minutes": 50.0,
            "temperature_alert": True,
            "alert_severity": "Major",
            "avg_temperature_severity": "None",
            "updated_at": NOON,
            "year": 2026,
            "month": 11,
        }
        | values
    )


class Ward:
    """Two shipments: S1 with two excursions, S2 with one."""

    def __init__(self, home: Path) -> None:
        self.lakehouse = str(home / "lakehouse")
        tables.append_rows(self.lakehouse, SHIPMENT_ANALYTICS, [analytics(), analytics("S2")])
        tables.append_rows(self.lakehouse, TEMPERATURE_EXCURSIONS, [excursion(), excursion(2), excursion(1, "S2")])

    def request(self, key: str = "k1", **values: Any) -> Request:
        usual = Request(key, "S1", 1, Decision.QUARANTINE, "The door stood open", "asha", Via.AIRFLOW)
        return replace(usual, **values)

    def decide(self, key: str = "k1", **values: Any) -> Written:
        return book.decide(self.lakehouse, self.request(key, **values))

    def decide_three(self) -> list[Row]:
        third = {"shipment_id": "S2", "decision": Decision.RELEASE}
        return [self.decide("a").entry, self.decide("b", excursion_no=2).entry, self.decide("c", **third).entry]

    def recompute(self, *excursions: Row) -> None:
        """Replace the excursions, as the pipeline does when new data come."""
        arrow = pa.Table.from_pylist(list(excursions), schema=tables.arrow_schema(TEMPERATURE_EXCURSIONS))
        write_deltalake(tables.uri(self.lakehouse, TEMPERATURE_EXCURSIONS), arrow, mode="overwrite")

    @property
    def place(self) -> str:
        return tables.uri(self.lakehouse, EXCURSION_DISPOSITIONS)

    def rows(self) -> list[Row]:
        return book.entries(self.lakehouse)

    def tamper(self, rows: list[Row], *, written: int | None = None) -> None:
        """Put other rows in place of the entries, past Delta's refusal, as who may write files can."""
        DeltaTable(self.place).alter.set_table_properties({"delta.appendOnly": "false"})
        arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(EXCURSION_DISPOSITIONS))
        said = None if written is None else CommitProperties(app_transactions=[Transaction(APP, written)])
        write_deltalake(self.place, arrow, mode="overwrite", commit_properties=said)
