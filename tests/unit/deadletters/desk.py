"""A lakehouse with dead letters, a landing folder beside it, and a desk to work them. No JVM."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from smart_logistics.contracts.bronze import EXTRACTED, REJECTED_RECORDS
from smart_logistics.contracts.silver import BY_SOURCE, IOT_TELEMETRY
from smart_logistics.deadletters import letters
from smart_logistics.deadletters.desk import Desk
from smart_logistics.lake import tables

AT = datetime(2026, 11, 1, tzinfo=UTC)
RECORD = {"truck_id": "MH12AB1234", "timestamp": "2026-10-31T10:00:00Z", "temperature": 4.5}


def letter_id(number: int) -> str:
    return f"{number:064x}"


class Site:
    """A home with everything that letters concern."""

    def __init__(self, home: Path) -> None:
        self.desk = Desk(str(home / "lakehouse"), home / "landing", "asha", wait_seconds=0.3)
        self.desk.landing.mkdir()

    @property
    def lakehouse(self) -> str:
        return self.desk.lakehouse

    def reject(self, number: int, **values: Any) -> str:
        """Write one letter; by default that of a record without a truck."""
        row = dict.fromkeys(REJECTED_RECORDS.column_names) | {
            "record_id": letter_id(number),
            "source_table": "iot_telemetry",
            "source_file": "iot_telemetry_20261031_100000_a.json",
            "source_key": f"iot_telemetry_20261031_100000_a.json:{number}",
            "rejection_reason": "NULL_CRITICAL_FIELD",
            "rejection_detail": "truck_id is null or blank",
            "raw_payload": json.dumps(RECORD | {"truck_id": None}),
            "layer": "silver",
            "rejected_at": AT + timedelta(minutes=number),
            "run_id": "r",
            "reprocessing_status": "PENDING",
            "_ingested_at": AT,
            "rejection_date": AT.date(),
        }
        tables.append_rows(self.lakehouse, REJECTED_RECORDS, [row | values])
        return letter_id(number)

    def reject_order(self, number: int, **values: Any) -> str:
        """Write the letter of an order whose amount is negative, and its version in Bronze."""
        order = {"order_id": f"O{number}", "customer_id": 1, "total_amount": -5.0, "status": "Open"}
        order |= {"order_date": "2026-10-30T00:00:00.000000Z", "priority": None, "updated_at": None}
        self.extract("orders", {"order_id": f"O{number}", "customer_id": 1}, AT)
        given = {
            "source_table": "orders",
            "source_file": None,
            "source_key": f"O{number}",
            "rejection_reason": "BUSINESS_RULE_VIOLATION",
            "rejection_detail": "total_amount=-5.00",
            "raw_payload": json.dumps(order | {"_rescued_data": None}),
        }
        return self.reject(number, **given | values)

    def extract(self, table: str, row: dict[str, Any], at: datetime, run_id: str = "r") -> None:
        """Append a version to Bronze as an extraction at ``at`` does."""
        lineage = {"_ingested_at": at, "_run_id": run_id, "_ingestion_date": at.date()}
        filled = dict.fromkeys(EXTRACTED[table].column_names) | row | lineage
        stamp = int(at.timestamp() * 1_000_000)
        tables.append_rows(self.lakehouse, EXTRACTED[table], [filled], app="bronze_ingest_sql", stamp=stamp)

    def keep(self, table: str, at: datetime = AT, **values: Any) -> None:
        """Put a row into a Silver table."""
        declared = BY_SOURCE.get(table, IOT_TELEMETRY)
        row = dict.fromkeys(declared.column_names) | {"_ingested_at": at, "_changed_at": at} | values
        row |= {name: at for name in ("_used_changed_at",) if name in row}
        row |= {name: False for name in ("is_deleted", "is_outlier") if name in row}
        tables.append_rows(self.lakehouse, declared, [row])

    def rows(self, layer_table: str) -> list[dict[str, Any]]:
        table = DeltaTable(f"{self.lakehouse}/{layer_table.replace('.', '/')}")
        found: list[dict[str, Any]] = table.to_pyarrow_table().to_pylist()
        return found

    def status(self, number: int) -> tuple[str, str]:
        (row,) = letters.of_ids(self.lakehouse, (letter_id(number),)).to_pylist()
        return row["reprocessing_status"], row["rejection_detail"]

    def landed(self) -> list[str]:
        return sorted(path.name for path in self.desk.landing.iterdir())
