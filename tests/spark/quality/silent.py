"""Damage behind the jobs' back: rows of tables changed in commits that no job made."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from smart_logistics.contracts import gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from tests.spark.silver.builders import at

# Old rows changed as no job would: the table, which rows, what becomes of them, and what the audit must say of it.
SILENT: tuple[tuple[Table, dict[str, Any], dict[str, Any], str], ...] = (
    (silver.CUSTOMERS, {"customer_id": 1}, {"name": "Mallory"}, "customer_id=1 differs"),
    (
        silver.IOT_TELEMETRY,
        {"event_ts": at(0)},
        {"is_outlier": True, "outlier_reason": "SPEED"},
        "event_ts=2026-11-01 00:00:00 differs",
    ),
    (silver.SHIPMENT_VERSIONS, {"shipment_id": "S1", "version": 1}, {"destination_city": "Leh"}, "differs"),
    (gold.SHIPMENT_ANALYTICS, {"shipment_id": "S1"}, {"mean_kinetic_temperature": 1.0}, "shipment_id=S1 differs"),
    (gold.FLEET_DAILY, {"truck_id": "MH12AB1234"}, {"covered_minutes": 1.0}, "truck_id=MH12AB1234"),
    (gold.ROUTE_DAILY, {"origin_city": "Pune"}, {"delay_minutes": 1.0}, "origin_city=Pune"),
)


def rewrite(lake: Lake, table: Table, where: dict[str, Any], values: dict[str, Any] | None) -> None:
    """Change the rows that are as ``where`` says, or remove them, in a commit that no job made."""
    found = DeltaTable(tables.uri(lake.root, table))
    rows = found.to_pyarrow_table().to_pylist()
    hit = [all(row[name] == value for name, value in where.items()) for row in rows]
    assert any(hit)
    kept = [row | (values or {}) if is_hit else row for row, is_hit in zip(rows, hit, strict=True)]
    if values is None:
        kept = [row for row, is_hit in zip(rows, hit, strict=True) if not is_hit]
    schema = pa.schema(found.schema().to_arrow())
    write_deltalake(found, pa.Table.from_pylist(kept, schema=schema), mode="overwrite")
