"""Which shipments a change in Silver can change in Gold."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def by_assignments(changed: DataFrame) -> DataFrame:
    """Return the shipments that changed assignments name now or named before."""
    former = F.coalesce("_former_shipment_ids", F.array().cast("array<string>"))
    ids = F.array_union(F.array("shipment_id"), former)
    return changed.select(F.explode(ids).alias("shipment_id"))


def by_readings(changed: DataFrame, assignments: DataFrame) -> DataFrame:
    """Return the shipments in whose ``counting`` assignments a new or newly flagged reading falls."""
    seen = changed.select("truck_id", "event_ts")
    inside = (F.col("event_ts") >= F.col("starts_at")) & (
        F.col("ends_at").isNull() | (F.col("event_ts") < F.col("ends_at"))
    )
    windows = F.broadcast(assignments.select("shipment_id", "plate", "starts_at", "ends_at"))
    return seen.join(windows, (F.col("truck_id") == F.col("plate")) & inside).select("shipment_id")
