"""How far beyond its limits a shipment was, in words."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from smart_logistics.contracts.rules import MAJOR_BELOW_C, MINOR_BELOW_C, AlertSeverity

MICROSECONDS_PER_MINUTE = 60_000_000


def deviation(temperature: Column) -> Column:
    """Return the distance of a temperature to [min_threshold, max_threshold] in °C, 0 inside."""
    below, above = F.col("min_threshold") - temperature, temperature - F.col("max_threshold")
    return F.greatest(below, above, F.lit(0.0))


def band(beyond: Column) -> Column:
    """Return the severity of a deviation in °C; null is as good as none."""
    return (
        F.when(beyond.isNull() | (beyond <= 0), AlertSeverity.NONE.value)
        .when(beyond <= MINOR_BELOW_C, AlertSeverity.MINOR.value)
        .when(beyond <= MAJOR_BELOW_C, AlertSeverity.MAJOR.value)
        .otherwise(AlertSeverity.CRITICAL.value)
    )


def is_prolonged(held_us: Column) -> Column:
    """Whether an excursion of ``held_us`` microseconds is longer than max_excursion_minutes allows (null = never)."""
    limit = F.col("max_excursion_minutes").cast("bigint") * MICROSECONDS_PER_MINUTE
    return F.coalesce(held_us > limit, F.lit(False))


def judged(beyond: Column, held_us: Column) -> Column:
    """Return the severity of a deviation that lasted: its band, or Critical where prolonged."""
    return F.when(is_prolonged(held_us), AlertSeverity.CRITICAL.value).otherwise(band(beyond))


def minutes(microseconds: Column) -> Column:
    """Return microseconds as minutes, unrounded."""
    return microseconds.cast("double") / F.lit(float(MICROSECONDS_PER_MINUTE))
