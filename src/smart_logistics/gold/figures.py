"""The figures of trucks and routes by day: sums and counts over readings, excursions and shipments.

Times are added as whole microseconds: a sum of doubles would depend on the order in which Spark meets the rows. Each
kind of row says what it adds to which day of which truck; the figures are the sum of what was said.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.rules import AlertSeverity
from smart_logistics.gold.severity import MICROSECONDS_PER_MINUTE, minutes

TRUCK_KEY, ROUTE_KEY = list(FLEET_DAILY.key), list(ROUTE_DAILY.key)
# What of a shipment's row goes into the figures.
OF_SHIPMENTS = (
    *("shipment_id", "origin_city", "destination_city", "created_at", "truck_ids", "trip_start"),
    *("expected_delivery_at", "actual_delivery_at", "is_on_time"),
    *("excursion_count", "excursion_minutes", "alert_severity"),
)
OF_EXCURSIONS = ("shipment_id", "truck_id", "started_at", "minutes", "peak_deviation", "severity")
# A delay reaches from the year 1 to 9999: a few dozen of those would overflow a bigint.
_MICROSECONDS = "decimal(20,0)"
_MINUTES = ("covered_minutes", "excursion_minutes", "delay_minutes")
_COUNTS = (
    *("shipments", "reading_count", "outlier_count", "excursion_count", "minor_excursions", "major_excursions"),
    *("critical_excursions", "deliveries", "on_time_deliveries"),
)


def said_by_readings(readings: DataFrame, hold_minutes: int) -> DataFrame:
    """Return what Silver's ``readings`` (all of a truck and day, or none) add to their truck's day."""
    # Outliers stand among themselves, so that they end no other reading's hold.
    in_time = Window.partitionBy("truck_id", "reading_date", "is_outlier").orderBy("event_ts")
    gap = F.lead(F.unix_micros("event_ts")).over(in_time) - F.unix_micros("event_ts")
    held = F.least(F.coalesce(gap, F.lit(0)), F.lit(hold_minutes * MICROSECONDS_PER_MINUTE))
    # Counted and added here: of millions of readings, decimals and the other figures' zeros would be most of the work.
    of_day = (
        readings.withColumn("_held", F.when(F.col("is_outlier"), 0).otherwise(held))
        .groupBy("truck_id", "reading_date")
        .agg(
            F.count(F.lit(1)).alias("_readings"),
            F.count_if("is_outlier").alias("_outliers"),
            F.sum("_held").alias("_covered"),
        )
    )
    return _said(
        of_day,
        F.col("truck_id"),
        F.col("reading_date"),
        reading_count=F.col("_readings"),
        outlier_count=F.col("_outliers"),
        covered_minutes=F.col("_covered"),
    )


def said_by_excursions(excursions: DataFrame) -> DataFrame:
    """Return what ``excursions`` add to the day on which they began, of the truck at their peak."""
    return _said(
        excursions,
        *_begins(),
        excursion_count=F.lit(1),
        excursion_minutes=_microseconds("minutes"),
        **{f"{name}_excursions": of for name, of in _by_severity("severity").items()},
        max_deviation=F.col("peak_deviation"),
    )


def said_by_trips(shipments: DataFrame) -> DataFrame:
    """Return what ``shipments`` add to the day on which their trip began, and to that of their delivery."""
    departures = _said(_departed(shipments), *_departure(), shipments=F.lit(1))
    deliveries = _said(
        _delivered(shipments),
        *_delivery(),
        deliveries=F.lit(1),
        on_time_deliveries=F.col("is_on_time").cast("int"),
        delay_minutes=_late(),
    )
    return departures.unionByName(deliveries)


def trucks(said: list[DataFrame]) -> DataFrame:
    """Return the rows of ``fleet_daily``, without ``updated_at``, of all that was said."""
    sums = [F.sum(name).alias(name) for name in (*_COUNTS, *_MINUTES)]
    summed = (
        reduce(DataFrame.unionByName, said)
        .groupBy(*TRUCK_KEY)
        .agg(*sums, F.max("max_deviation").alias("max_deviation"))
    )
    return _rows(FLEET_DAILY, summed)


def routes(shipments: DataFrame) -> DataFrame:
    """Return the rows of ``route_daily``, without ``updated_at``, of all ``shipments`` of their routes and days."""
    delivered = F.col("is_on_time").isNotNull()
    alerts = {f"{name}_alerts": F.sum(of) for name, of in _by_severity("alert_severity").items()}
    figures = {
        "shipments": F.count(F.lit(1)),
        "deliveries": F.count_if(delivered),
        "on_time_deliveries": F.count_if(F.col("is_on_time")),
        "delay_minutes": F.sum(F.when(delivered, _late()).otherwise(0)),
        "excursion_count": F.sum("excursion_count"),
        "excursion_minutes": F.sum(_microseconds("excursion_minutes")),
        **alerts,
    }
    grouped = with_route_day(shipments).groupBy(*ROUTE_KEY)
    return _rows(ROUTE_DAILY, grouped.agg(*(of.alias(name) for name, of in figures.items())))


def truck_days(readings: DataFrame | None, excursions: list[DataFrame], shipments: list[DataFrame]) -> DataFrame:
    """Return the truck_id and day of all that these rows add something to; ``readings`` need no ``reading_date``."""
    found = [frame.select(*_named(*_begins())) for frame in excursions]
    for frame in shipments:
        found.append(_departed(frame).select(*_named(*_departure())))
        found.append(_delivered(frame).select(*_named(*_delivery())))
    if readings is not None:
        found.append(readings.select("truck_id", F.to_date("event_ts").alias("day")))
    return reduce(DataFrame.union, found)


def with_route_day(shipments: DataFrame) -> DataFrame:
    """Return ``shipments`` with the ``day`` that they count for on their route."""
    return shipments.withColumn("day", F.to_date("created_at"))


def _said(rows: DataFrame, truck: Column, day: Column, **figures: Column) -> DataFrame:
    zeros = {name: F.lit(0) for name in (*_COUNTS, *_MINUTES)}
    columns = [
        of.cast("bigint" if name in _COUNTS else _MICROSECONDS if name in _MINUTES else "double").alias(name)
        for name, of in ({"max_deviation": F.lit(None)} | zeros | figures).items()
    ]
    return rows.select(*_named(truck, day), *columns)


def _named(truck: Column, day: Column) -> tuple[Column, Column]:
    return truck.alias("truck_id"), day.alias("day")


def _rows(table: Table, summed: DataFrame) -> DataFrame:
    as_minutes = {name: minutes(F.col(name)) for name in _MINUTES if name in summed.columns}
    place = {"year": F.year("day"), "month": F.month("day")}
    return summed.withColumns(as_minutes | place).select(
        *(F.col(c.name).cast(c.type) for c in table.columns if c.name != "updated_at")
    )


def _begins() -> tuple[Column, Column]:
    return F.col("truck_id"), F.to_date("started_at")


def _departed(shipments: DataFrame) -> DataFrame:
    """Return those whose trip began, in a truck."""
    return shipments.filter(F.col("trip_start").isNotNull() & (F.size("truck_ids") > 0))


def _departure() -> tuple[Column, Column]:
    return F.element_at("truck_ids", 1), F.to_date("trip_start")


def _delivered(shipments: DataFrame) -> DataFrame:
    """Return those of which both dates are known, and a truck."""
    return shipments.filter(F.col("is_on_time").isNotNull() & (F.size("truck_ids") > 0))


def _delivery() -> tuple[Column, Column]:
    return F.element_at("truck_ids", -1), F.to_date("actual_delivery_at")


def _late() -> Column:
    late = F.unix_micros("actual_delivery_at") - F.unix_micros("expected_delivery_at")
    return late.cast(_MICROSECONDS)


def _microseconds(column: str) -> Column:
    """Return minutes as the whole microseconds that they were computed from."""
    return F.round(F.col(column) * MICROSECONDS_PER_MINUTE).cast(_MICROSECONDS)


def _by_severity(column: str) -> dict[str, Column]:
    graver = [severity.value for severity in AlertSeverity if severity is not AlertSeverity.NONE]
    return {value.lower(): (F.col(column) == value).cast("int") for value in graver}
