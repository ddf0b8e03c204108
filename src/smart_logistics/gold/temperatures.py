"""What a shipment's readings say together.

Sums of doubles depend on their order, and the order in which Spark meets rows is nobody's promise. So they are added in
the order of time, over one sorted array for each shipment: the same readings give the same bits in every run.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.rules import MKT_ACTIVATION_KELVIN, ZERO_CELSIUS_KELVIN


def by_shipment(points: DataFrame) -> DataFrame:
    """Return one row for each shipment that has readings among ``points.held``."""
    in_order = F.array_sort(F.collect_list(F.struct("event_ts", "truck_id", "temperature", "rate", "area")))
    return (
        points.groupBy("shipment_id")
        .agg(
            in_order.alias("_points"),
            F.count(F.lit(1)).alias("reading_count"),
            F.min("temperature").alias("min_temperature"),
            F.max("temperature").alias("max_temperature"),
            F.count_if(F.col("deviation") > 0).alias("violation_count"),
            F.max("deviation").alias("max_deviation"),
            F.sum("held_us").alias("covered_us"),
            F.sum("span_us").alias("_span_us"),
            F.min("event_ts").alias("first_reading_at"),
            F.max("event_ts").alias("last_reading_at"),
        )
        .withColumn("avg_temperature", _total("temperature") / F.col("reading_count"))
        .withColumn("temperature_variance", _sample_variance())
        .withColumn("mean_kinetic_temperature", _mean_kinetic())
        .drop("_points", "_span_us")
    )


def _total(field: str) -> Column:
    return F.aggregate("_points", F.lit(0.0), lambda total, point: total + point[field])


def _sample_variance() -> Column:
    mean = F.col("avg_temperature")
    squares = F.aggregate(
        "_points",
        F.lit(0.0),
        lambda total, point: total + (point["temperature"] - mean) * (point["temperature"] - mean),
    )
    return F.when(F.col("reading_count") > 1, squares / (F.col("reading_count") - 1))


def _mean_kinetic() -> Column:
    """Weighted by time where a gap qualifies; otherwise readings count equally."""
    by_time = _total("area") / F.col("_span_us")
    alike = _total("rate") / F.col("reading_count")
    mean = F.when(F.col("_span_us") > 0, by_time).otherwise(alike)
    return F.lit(MKT_ACTIVATION_KELVIN) / -F.log(mean) - F.lit(ZERO_CELSIUS_KELVIN)
