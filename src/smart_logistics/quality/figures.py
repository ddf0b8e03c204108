"""The figures by day against the tables they were summed from, counted another way."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY
from smart_logistics.contracts.model import Table
from smart_logistics.quality import checks
from smart_logistics.quality.findings import SAME_MINUTES, finding, shown


def disagreeing_trucks(figures: DataFrame, excursions: DataFrame) -> DataFrame:
    """Count the rows of ``fleet_daily`` that tell of other excursions than began on their day."""
    counted = excursions.groupBy("truck_id", F.to_date("started_at").alias("day")).agg(
        F.count(F.lit(1)).alias("excursion_count"),
        F.sum("minutes").alias("excursion_minutes"),
        F.count_if(F.col("severity") == "Critical").alias("critical_excursions"),
        F.max("peak_deviation").alias("max_deviation"),
    )
    return _disagreeing(FLEET_DAILY, figures, counted)


def disagreeing_routes(figures: DataFrame, shipments: DataFrame) -> DataFrame:
    """Count the rows of ``route_daily`` that tell of other shipments than were created on their day."""
    day = F.to_date("created_at").alias("day")
    counted = shipments.groupBy("origin_city", "destination_city", day).agg(
        F.count(F.lit(1)).alias("shipments"),
        F.count("delivery_delay_minutes").alias("deliveries"),
        F.count_if(F.col("delivery_delay_minutes") <= 0).alias("on_time_deliveries"),
        F.sum("excursion_count").alias("excursion_count"),
        F.sum("excursion_minutes").alias("excursion_minutes"),
        F.count_if(F.col("alert_severity") == "Critical").alias("critical_alerts"),
    )
    return _disagreeing(ROUTE_DAILY, figures, counted)


def _disagreeing(table: Table, figures: DataFrame, counted: DataFrame) -> DataFrame:
    names = [name for name in counted.columns if name not in table.key]
    there = counted.select(*(F.col(name).alias(f"_{name}") for name in counted.columns))
    same_key = reduce(and_, (F.col(name).eqNullSafe(F.col(f"_{name}")) for name in table.key))
    broken = figures.join(there, same_key, "left").filter(reduce(or_, (_differs(table, name) for name in names)))
    return finding(table, checks.FIGURES_AGREE, broken, shown(*table.key))


def _differs(table: Table, name: str) -> Column:
    said, counted = F.col(name), F.coalesce(f"_{name}", F.lit(0))
    if table.column(name).nullable:
        return ~said.eqNullSafe(F.col(f"_{name}"))
    return F.abs(said - counted) > SAME_MINUTES if table.column(name).type == "double" else said != counted
