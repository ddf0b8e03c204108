"""A few columns of Gold computed another way: by one join and one aggregate, straight from the contract's sentences."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_COMPARED = (
    "status",
    "reading_count",
    "min_temperature",
    "max_temperature",
    "violation_count",
    "first_reading_at",
    "last_reading_at",
)


def differing(
    shipments: DataFrame, trips: DataFrame, readings: DataFrame, limits: DataFrame, answers: DataFrame
) -> DataFrame:
    """Return the ``shipments`` for which ``answers`` (Gold) are missing or other than computed here.

    Args:
        shipments: current versions.
        trips: their assignments that count, with ``license_plate``.
        readings: Silver readings that may fall into the trips.
        limits: type_name, min_temperature, max_temperature.
        answers: Gold rows of these shipments.

    Returns:
        ``told``: the shipment and both answers.
    """
    inside = (
        (F.col("truck_id") == F.col("license_plate"))
        & (F.col("event_ts") >= F.col("assignment_start_time"))
        & (F.col("assignment_end_time").isNull() | (F.col("event_ts") < F.col("assignment_end_time")))
    )
    covered = (
        trips.select("shipment_id", "license_plate", "assignment_start_time", "assignment_end_time")
        .join(readings.filter(~F.col("is_outlier")), inside)
        .select("shipment_id", "truck_id", "event_ts", "temperature")
        .distinct()
    )
    typed = shipments.select("shipment_id", "shipment_type", "status").join(
        limits.select(
            "type_name",
            F.col("min_temperature").cast("double").alias("_low"),
            F.col("max_temperature").cast("double").alias("_high"),
        ),
        F.col("shipment_type") == F.col("type_name"),
        "left",
    )
    violating = (F.col("temperature") < F.col("_low")) | (F.col("temperature") > F.col("_high"))
    again = (
        typed.join(covered, "shipment_id", "left")
        .groupBy("shipment_id", "status")
        .agg(
            F.count("event_ts").alias("reading_count"),
            F.min("temperature").alias("min_temperature"),
            F.max("temperature").alias("max_temperature"),
            F.count_if(violating).alias("violation_count"),
            F.min("event_ts").alias("first_reading_at"),
            F.max("event_ts").alias("last_reading_at"),
        )
    )
    here, there = F.struct(*(f"a.{name}" for name in _COMPARED)), F.struct(*(f"g.{name}" for name in _COMPARED))
    both = again.alias("a").join(answers.alias("g"), F.col("a.shipment_id") == F.col("g.shipment_id"), "left")
    return both.filter(~here.eqNullSafe(there)).select(
        F.concat(
            F.col("a.shipment_id"), F.lit(": computed "), F.to_json(here), F.lit(", Gold "), F.to_json(there)
        ).alias("told")
    )
