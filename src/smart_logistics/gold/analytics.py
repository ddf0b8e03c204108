"""The row of a shipment."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS
from smart_logistics.contracts.rules import AlertSeverity
from smart_logistics.gold.severity import band, deviation, judged, minutes


def facts(shipments: DataFrame, orders: DataFrame, warehouses: DataFrame, types: DataFrame) -> DataFrame:
    """Return the current versions with what their order, warehouse and type say; parents count though deleted."""
    customers = orders.select(F.col("order_id").alias("_order"), "customer_id")
    cities = warehouses.select(F.col("warehouse_id").alias("_warehouse"), F.col("city").alias("origin_city"))
    limits = types.select(
        F.col("type_name").alias("_type"),
        F.col("min_temperature").cast("double").alias("min_threshold"),
        F.col("max_temperature").cast("double").alias("max_threshold"),
        "max_excursion_minutes",
    )
    return (
        shipments.filter("is_current")
        .join(customers, F.col("order_id") == F.col("_order"), "left")
        .join(cities, F.col("origin_warehouse_id") == F.col("_warehouse"), "left")
        .join(limits, F.col("shipment_type") == F.col("_type"), "left")
        .select(
            *("shipment_id", "order_id", "customer_id", "shipment_type", "status", "origin_city", "destination_city"),
            *("expected_delivery_at", "actual_delivery_at", "created_at"),
            *("min_threshold", "max_threshold", "max_excursion_minutes"),
            F.year("created_at").alias("year"),
            F.month("created_at").alias("month"),
        )
    )


def rows(facts: DataFrame, trips: DataFrame, temperatures: DataFrame, excursions: DataFrame) -> DataFrame:
    """Return ``shipment_analytics`` without ``updated_at``: one row for each of ``facts``, whatever else is missing."""
    joined = facts
    for part in (trips, temperatures, excursions):
        joined = joined.join(part, "shipment_id", "left")
    return (
        joined.withColumns(_filled())
        .withColumns(_derived())
        .withColumn("temperature_alert", F.col("alert_severity") != AlertSeverity.NONE.value)
        .select(*(name for name in SHIPMENT_ANALYTICS.column_names if name != "updated_at"))
    )


def _filled() -> dict[str, Column]:
    """What a shipment without assignments, readings or excursions has instead of null."""
    zeros = {name: F.coalesce(name, F.lit(0)) for name in ("assignment_count", "longest_us", "covered_us")}
    counts = ("reading_count", "violation_count", "excursion_count")
    return {
        **zeros,
        **{name: F.coalesce(name, F.lit(0).cast("bigint")) for name in counts},
        "excursion_minutes": F.coalesce("excursion_minutes", F.lit(0.0)),
        "truck_ids": F.coalesce("truck_ids", F.array().cast("array<string>")),
        "driver_ids": F.coalesce("driver_ids", F.array().cast("array<int>")),
    }


def _derived() -> dict[str, Column]:
    late_us = _between("expected_delivery_at", F.col("actual_delivery_at"))
    trip_us = _between("trip_start", F.coalesce("trip_end", "last_reading_at"))
    mean_beyond = F.when(F.col("avg_temperature").isNotNull(), deviation(F.col("avg_temperature")))
    return {
        "trip_duration_minutes": minutes(_between("trip_start", F.col("trip_end"))),
        "delivery_delay_minutes": minutes(late_us),
        "is_on_time": late_us <= 0,
        "longest_excursion_minutes": minutes(F.col("longest_us")),
        "data_coverage": F.when(trip_us > 0, F.col("covered_us").cast("double") / trip_us.cast("double")),
        "alert_severity": judged(F.col("max_deviation"), F.col("longest_us")),
        "avg_temperature_severity": band(mean_beyond),
    }


def _between(start: str, end: Column) -> Column:
    return F.unix_micros(end) - F.unix_micros(start)
