"""The readings of a shipment: which count, how far beyond the limits each is, how long it holds."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.rules import MKT_ACTIVATION_KELVIN, ZERO_CELSIUS_KELVIN
from smart_logistics.gold.assignments import with_readings
from smart_logistics.gold.severity import MICROSECONDS_PER_MINUTE, deviation


def matched(readings: DataFrame, assignments: DataFrame) -> DataFrame:
    """Return the readings that fall into ``counting`` assignments, each once for a shipment.

    Outliers do not count. Two trucks at one instant are two readings; two assignments over one reading are not.
    """
    return (
        with_readings(assignments, readings.filter(~F.col("is_outlier")))
        .select("shipment_id", "truck_id", "event_ts", "temperature", "latitude", "longitude")
        # Where a shipment's readings are together they need not be shuffled again to be looked at in order.
        .repartition("shipment_id")
        .dropDuplicates(["shipment_id", "event_ts", "truck_id"])
    )


def held(readings: DataFrame, limits: DataFrame, hold_minutes: int) -> DataFrame:
    """Return ``matched`` readings with what each says about its shipment.

    Args:
        readings: see ``matched``.
        limits: shipment_id, min_threshold, max_threshold, max_excursion_minutes.
        hold_minutes: how long a reading holds at most while no next one comes.

    Returns:
        The readings with their limits, ``deviation`` (°C), ``held_us`` (0 for the last), ``rate`` (exp(-ΔH/RT)),
        ``span_us`` and ``area`` (weight and trapezoid of the gap to the next reading, 0 where it does not qualify) and
        ``run`` (number of the excursion, null where the reading violates nothing).
    """
    in_time = Window.partitionBy("shipment_id").orderBy("event_ts", "truck_id")
    most = F.lit(hold_minutes * MICROSECONDS_PER_MINUTE)
    gap = F.lead(F.unix_micros("event_ts")).over(in_time) - F.unix_micros("event_ts")
    kelvin = F.col("temperature") + F.lit(ZERO_CELSIUS_KELVIN)
    known = readings.join(F.broadcast(limits), "shipment_id").withColumns(
        {
            "deviation": deviation(F.col("temperature")),
            "rate": F.exp(F.lit(-MKT_ACTIVATION_KELVIN) / kelvin),
            "_gap": F.coalesce(gap, F.lit(0)),
        }
    )
    violates = F.col("deviation") > 0
    begins = violates & ~F.coalesce(F.lag(violates).over(in_time), F.lit(False))
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return known.withColumns(
        {
            "held_us": F.least("_gap", most),
            "span_us": F.when(F.col("_gap") <= most, F.col("_gap")).otherwise(0),
            "_mean_rate": (F.col("rate") + F.coalesce(F.lead("rate").over(in_time), F.lit(0.0))) / 2,
            "_begun": F.sum(begins.cast("int")).over(so_far),
        }
    ).withColumns(
        {
            "area": F.col("span_us").cast("double") * F.col("_mean_rate"),
            "run": F.when(violates, F.col("_begun").cast("int")),
        }
    )
