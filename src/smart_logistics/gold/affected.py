"""Which shipments a change in Silver can change in Gold."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.gold.assignments import with_readings


def by_assignments(changed: DataFrame) -> DataFrame:
    """Return the shipments that changed assignments name now or named before."""
    former = F.coalesce("_former_shipment_ids", F.array().cast("array<string>"))
    ids = F.array_union(F.array("shipment_id"), former)
    return changed.select(F.explode(ids).alias("shipment_id"))


def by_readings(changed: DataFrame, assignments: DataFrame) -> DataFrame:
    """Return the shipments in whose ``counting`` assignments a new or newly flagged reading falls."""
    return with_readings(assignments, changed.select("truck_id", "event_ts")).select("shipment_id")
