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


def is_candidate() -> Column:
    """Whether SPEED looks at a reading: both coordinates, and no other outlier reason."""
    return F.col("latitude").isNotNull() & F.col("longitude").isNotNull() & fixed_reason().isNull()


def beside_new(is_new: Column) -> Column:
    """Whether one of a reading's neighbours is new: only these can have another flag than before.

    One that is further away in time is no neighbour. Where it is taken for one, a reading at the edge of what was
    loaded is judged without its neighbour on the other side.
    """
    in_time = Window.partitionBy("truck_id", is_candidate()).orderBy("event_ts")
    others = [F.lag(_neighbour(is_new)).over(in_time), F.lead(_neighbour(is_new)).over(in_time)]
    return reduce(or_, [F.coalesce(_is_near(other) & other["is_new"], F.lit(False)) for other in others])


def great_circle_km(latitude: Column, longitude: Column, other_latitude: Column, other_longitude: Column) -> Column:
    """Return the haversine distance between two places in degrees."""
    phi, other_phi = F.radians(latitude), F.radians(other_latitude)
    half_north = F.sin((other_phi - phi) / 2)
    half_east = F.sin((F.radians(other_longitude) - F.radians(longitude)) / 2)
    chord = half_north * half_north + F.cos(phi) * F.cos(other_phi) * half_east * half_east
    return 2 * EARTH_RADIUS_KM * F.asin(F.sqrt(F.least(chord, F.lit(1.0))))


def with_speed_flags(readings: DataFrame) -> DataFrame:
    """Return ``readings`` with ``is_outlier`` and ``outlier_reason`` as they are given all of them.

    A reading is flagged where it has a neighbour (the previous or next candidate of its truck, at most 6 h away) and
    the speed to every neighbour that it has is above the limit.
    """
    in_time = Window.partitionBy("truck_id", is_candidate()).orderBy("event_ts")
    fast = [_too_fast(step(in_time)) for step in (_previous, _next)]
    has_neighbour = fast[0].isNotNull() | fast[1].isNotNull()
    flagged = is_candidate() & has_neighbour & F.coalesce(fast[0], F.lit(True)) & F.coalesce(fast[1], F.lit(True))
    reason = F.coalesce(fixed_reason(), F.when(flagged, OutlierReason.SPEED.name))
    return readings.withColumn("outlier_reason", reason).withColumn("is_outlier", F.col("outlier_reason").isNotNull())


def _neighbour(is_new: Column | None = None) -> Column:
    further = [] if is_new is None else [is_new.alias("is_new")]
    return F.struct("event_ts", "latitude", "longitude", *further)


def _apart(neighbour: Column) -> Column:
    return F.abs(F.unix_micros("event_ts") - F.unix_micros(neighbour["event_ts"]))


def _is_near(neighbour: Column) -> Column:
    return _apart(neighbour) <= NEIGHBOUR_HOURS * _MICROSECONDS_PER_HOUR


def _previous(in_time: WindowSpec) -> Column:
    return F.lag(_neighbour()).over(in_time)


def _next(in_time: WindowSpec) -> Column:
    return F.lead(_neighbour()).over(in_time)


def _too_fast(neighbour: Column) -> Column:
    """Return whether the speed to ``neighbour`` is above the limit; null where none is near enough in time."""
    km = great_circle_km(F.col("latitude"), F.col("longitude"), neighbour["latitude"], neighbour["longitude"])
    speed = km / (_apart(neighbour) / F.lit(float(_MICROSECONDS_PER_HOUR)))
    return F.when(_is_near(neighbour), speed > SPEED_LIMIT_KMH)
