"""Which trucks carried a shipment, and when."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.rules import CANCELLED_ASSIGNMENT


def counting(assignments: DataFrame, vehicles: DataFrame) -> DataFrame:
    """Return the assignments that count (not cancelled, not deleted) with the current plate of their vehicle.

    A deleted vehicle keeps its plate: a deleted parent orphans nobody.

    Returns:
        shipment_id, assignment_id, plate, driver_id, starts_at, ends_at (null = open).
    """
    plates = vehicles.select(F.col("vehicle_id").alias("_vehicle"), F.col("license_plate").alias("plate"))
    valid = assignments.filter((F.col("status") != CANCELLED_ASSIGNMENT) & ~F.col("is_deleted"))
    return valid.join(F.broadcast(plates), F.col("vehicle_id") == F.col("_vehicle")).select(
        "shipment_id",
        "assignment_id",
        "plate",
        "driver_id",
        F.col("assignment_start_time").alias("starts_at"),
        F.col("assignment_end_time").alias("ends_at"),
    )


def with_readings(assignments: DataFrame, readings: DataFrame) -> DataFrame:
    """Return each of the ``readings`` beside each of the ``counting`` assignments that it falls into.

    An assignment's first instant belongs to it, its last does not.
    """
    windows = F.broadcast(assignments.select("shipment_id", "plate", "starts_at", "ends_at"))
    inside = (F.col("event_ts") >= F.col("starts_at")) & (
        F.col("ends_at").isNull() | (F.col("event_ts") < F.col("ends_at"))
    )
    return readings.join(windows, (F.col("truck_id") == F.col("plate")) & inside)


def trips(assignments: DataFrame) -> DataFrame:
    """Return one row for each shipment of the ``counting`` assignments: its trucks, drivers and times."""
    in_order = F.array_sort(F.collect_list(F.struct("starts_at", "assignment_id", "plate", "driver_id")))
    is_open = F.max(F.col("ends_at").isNull())
    return (
        assignments.groupBy("shipment_id")
        .agg(
            in_order.alias("_in_order"),
            F.min("starts_at").alias("trip_start"),
            F.when(~is_open, F.max("ends_at")).alias("trip_end"),
        )
        .select(
            "shipment_id",
            F.array_distinct(F.transform("_in_order", _plate)).alias("truck_ids"),
            F.array_distinct(F.array_compact(F.transform("_in_order", _driver))).alias("driver_ids"),
            F.size("_in_order").alias("assignment_count"),
            "trip_start",
            "trip_end",
        )
    )


def _plate(assignment: Column) -> Column:
    return assignment["plate"]


def _driver(assignment: Column) -> Column:
    return assignment["driver_id"]
