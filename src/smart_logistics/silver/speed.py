"""Outliers of telemetry. SPEED depends on a reading's neighbours in time, so late readings change flags around them."""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from smart_logistics.contracts.rules import (
    EARTH_RADIUS_KM,
    LATITUDE_LIMIT,
    LONGITUDE_LIMIT,
    NEIGHBOUR_HOURS,
    SPEED_LIMIT_KMH,
    TEMPERATURE_RANGE_C,
    OutlierReason,
)

_MICROSECONDS_PER_HOUR = 3_600_000_000


def fixed_reason() -> Column:
    """Return the outlier reason that a reading has by its own values, whatever its neighbours; null where none."""
    low, high = TEMPERATURE_RANGE_C
    off_scale = (F.col("temperature") < low) | (F.col("temperature") > high)
    off_earth = (F.abs("latitude") > LATITUDE_LIMIT) | (F.abs("longitude") > LONGITUDE_LIMIT)
    return F.when(off_scale, OutlierReason.TEMPERATURE_RANGE.name).when(off_earth, OutlierReason.GPS_RANGE.name)


def _is_candidate() -> Column:
    """Whether SPEED looks at a reading: both coordinates, and no other outlier reason."""
    return F.col("latitude").isNotNull() & F.col("longitude").isNotNull() & fixed_reason().isNull()


def great_circle_km(latitude: Column, longitude: Column, other_latitude: Column, other_longitude: Column) -> Column:
    """Return the haversine distance between two places in degrees."""
    phi, other_phi = F.radians(latitude), F.radians(other_latitude)
    half_north = F.sin((other_phi - phi) / 2)
    half_east = F.sin((F.radians(other_longitude) - F.radians(longitude)) / 2)
    chord = half_north * half_north + F.cos(phi) * F.cos(other_phi) * half_east * half_east
    return 2 * EARTH_RADIUS_KM * F.asin(F.sqrt(F.least(chord, F.lit(1.0))))


def with_speed_flags(readings: DataFrame, is_new: Column | None = None) -> DataFrame:
    """Return ``readings`` with ``is_outlier`` and ``outlier_reason`` as they are given all of them.

    A reading is flagged where it has a neighbour (the previous or next candidate of its truck, at most 6 h away) and
    the speed to every neighbour that it has is above the limit. Where it is said which are new, ``_beside_new`` tells
    whether a neighbour is: only these can have another flag than before.
    """
    # A column, not an expression: Spark takes an expression for another one in each window, and would shuffle for each.
    candidates = readings.withColumn("_is_candidate", _is_candidate())
    if is_new is not None:
        candidates = candidates.withColumn("_beside_new", _beside(is_new))
    # The way to the next one is the way back of that one: each is measured once.
    before = {f"_{name}": F.lag(name).over(_in_time()) for name in ("event_ts", "latitude", "longitude")}
    measured = candidates.withColumns(before).withColumn("_back", _too_fast(*map(F.col, before))).drop(*before)
    back, onward = F.col("_back"), F.lead("_back").over(_in_time())
    has_neighbour = back.isNotNull() | onward.isNotNull()
    flagged = F.col("_is_candidate") & has_neighbour & F.coalesce(back, F.lit(True)) & F.coalesce(onward, F.lit(True))
    reason = F.coalesce(fixed_reason(), F.when(flagged, OutlierReason.SPEED.name))
    judged = measured.withColumn("outlier_reason", reason).drop("_back", "_is_candidate")
    return judged.withColumn("is_outlier", F.col("outlier_reason").isNotNull())


def _beside(is_new: Column) -> Column:
    """Whether one of a reading's neighbours is new.

    One that is further away in time is no neighbour. Where it is taken for one, a reading at the edge of what was
    loaded is judged without its neighbour on the other side.
    """
    moment = F.when(is_new, F.col("event_ts"))
    others = [F.lag(moment).over(_in_time()), F.lead(moment).over(_in_time())]
    return reduce(or_, [F.coalesce(_is_near(other), F.lit(False)) for other in others])


def _in_time() -> WindowSpec:
    return Window.partitionBy("truck_id", "_is_candidate").orderBy("event_ts")


def _apart(moment: Column) -> Column:
    return F.abs(F.unix_micros("event_ts") - F.unix_micros(moment))


def _is_near(moment: Column) -> Column:
    return _apart(moment) <= NEIGHBOUR_HOURS * _MICROSECONDS_PER_HOUR


def _too_fast(moment: Column, latitude: Column, longitude: Column) -> Column:
    """Return whether the speed from there to here is above the limit; null where that is not near enough in time."""
    km = great_circle_km(F.col("latitude"), F.col("longitude"), latitude, longitude)
    speed = km / (_apart(moment) / F.lit(float(_MICROSECONDS_PER_HOUR)))
    return F.when(_is_near(moment), speed > SPEED_LIMIT_KMH)
