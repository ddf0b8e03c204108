"""Excursions: maximal runs of consecutive violating readings."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.gold.severity import judged, minutes


def runs(points: DataFrame) -> DataFrame:
    """Return one row for each excursion among ``points.held``: the Gold table's columns and ``held_us``."""
    # The smallest of these is the earliest reading of the greatest deviation.
    by_deviation = F.struct(
        (-F.col("deviation")).alias("below"), "event_ts", "truck_id", "temperature", "latitude", "longitude"
    )
    last = F.max(F.struct("event_ts", "truck_id", "held_us"))
    return (
        points.filter(F.col("run").isNotNull())
        .groupBy("shipment_id", F.col("run").alias("excursion_no"))
        .agg(
            F.min(by_deviation).alias("_peak"),
            last.alias("_last"),
            F.min("event_ts").alias("started_at"),
            F.sum("held_us").alias("held_us"),
            F.count(F.lit(1)).alias("reading_count"),
            F.first("max_excursion_minutes").alias("max_excursion_minutes"),
        )
        .select(
            "shipment_id",
            F.col("_peak.truck_id").alias("truck_id"),
            "excursion_no",
            "started_at",
            F.timestamp_micros(F.unix_micros("_last.event_ts") + F.col("_last.held_us")).alias("ended_at"),
            minutes(F.col("held_us")).alias("minutes"),
            "reading_count",
            F.col("_peak.temperature").alias("peak_temperature"),
            (-F.col("_peak.below")).alias("peak_deviation"),
            F.col("_peak.event_ts").alias("peak_at"),
            F.col("_peak.latitude").alias("peak_latitude"),
            F.col("_peak.longitude").alias("peak_longitude"),
            judged(-F.col("_peak.below"), F.col("held_us")).alias("severity"),
            "held_us",
        )
    )


def by_shipment(excursions: DataFrame) -> DataFrame:
    """Return how many and how long the excursions of each shipment were."""
    return excursions.groupBy("shipment_id").agg(
        F.count(F.lit(1)).alias("excursion_count"),
        minutes(F.sum("held_us")).alias("excursion_minutes"),
        F.max("held_us").alias("longest_us"),
    )
