"""The baseline of P4: the pipeline as a first version of it is written, every run over all there is.

``spark-submit naive_refresh.py FILES CARRIED OUT`` reads all telemetry files that ever came (``FILES``: a folder with a
folder for each day), writes Bronze anew, merges all readings into Silver by their key, judges every shipment and merges
all of them into Gold by their key. The rules of a reading and of a shipment are the product's own functions, so that
the results are the same and nothing but the way of working differs. It is told one thing that helps it: no journey
lasts beyond its day, so readings and journeys are joined by day, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.rules import EARLIEST_READING
from smart_logistics.gold import analytics, assignments, excursions, points, temperatures
from smart_logistics.silver.speed import with_speed_flags

_SCHEMA = """truck_id string, timestamp string, temperature double, latitude double, longitude double,
    _corrupt_record string"""
_HOLD_MINUTES = 60


def refresh(spark: SparkSession, files: str, carried: Path, out: Path) -> None:
    """Make all layers from all files."""
    telemetry = (
        spark.read.schema(_SCHEMA)
        .json(f"{files}/*")
        .withColumns(
            {
                "source_file": F.element_at(F.split(F.input_file_name(), "/"), -1),
                "line": F.monotonically_increasing_id(),
                "event_ts": F.expr("try_to_timestamp(timestamp)"),
            }
        )
    )
    telemetry.write.format("delta").mode("overwrite").save(str(out / "bronze" / "iot_telemetry"))
    bronze = spark.read.format("delta").load(str(out / "bronze" / "iot_telemetry"))
    _merge(spark, out / "silver" / "iot_telemetry", _readings(bronze), ("truck_id", "event_ts"))
    readings = spark.read.format("delta").load(str(out / "silver" / "iot_telemetry"))
    rows, runs = _gold(spark, readings, carried)
    _merge(spark, out / "gold" / "temperature_excursions", runs, ("shipment_id", "excursion_no"))
    _merge(spark, out / "gold" / "shipment_analytics", rows, ("shipment_id",))


def _readings(bronze: DataFrame) -> DataFrame:
    good = bronze.filter(
        F.col("_corrupt_record").isNull()
        & F.col("truck_id").isNotNull()
        & F.col("temperature").isNotNull()
        & (F.col("event_ts") >= F.lit(EARLIEST_READING).cast("timestamp"))
    )
    first = Window.partitionBy("truck_id", "event_ts").orderBy("source_file", "line")
    once = good.withColumn("_place", F.row_number().over(first)).filter("_place = 1")
    return with_speed_flags(once.withColumn("reading_date", F.to_date("event_ts"))).select(
        *("truck_id", "event_ts", "temperature", "latitude", "longitude", "is_outlier", "outlier_reason"),
        *("source_file", "reading_date"),
    )


def _gold(spark: SparkSession, readings: DataFrame, carried: Path) -> tuple[DataFrame, DataFrame]:
    orders, shipments, types, journeys, vehicles, warehouses = (
        spark.read.format("delta").load(str(carried / "silver" / name))
        for name in ("orders", "shipments", "shipment_types", "truck_assignments", "vehicles", "warehouses")
    )
    facts = analytics.facts(shipments, orders, warehouses, types)
    journeys = assignments.counting(journeys, vehicles)
    limits = facts.select("shipment_id", "min_threshold", "max_threshold", "max_excursion_minutes")
    held = points.held(_matched(readings, journeys), limits, _HOLD_MINUTES)
    runs = excursions.runs(held)
    rows = analytics.rows(
        facts, assignments.trips(journeys), temperatures.by_shipment(held), excursions.by_shipment(runs)
    )
    placed = runs.drop("held_us").join(facts.select("shipment_id", "year", "month"), "shipment_id")
    return rows.withColumn("updated_at", F.current_timestamp()), placed


def _matched(readings: DataFrame, journeys: DataFrame) -> DataFrame:
    inside = (F.col("event_ts") >= F.col("starts_at")) & (F.col("event_ts") < F.col("ends_at"))
    same_day = F.col("reading_date") == F.to_date("starts_at")
    return (
        readings.filter(~F.col("is_outlier"))
        .join(journeys, (F.col("truck_id") == F.col("plate")) & same_day & inside)
        .select("shipment_id", "truck_id", "event_ts", "temperature", "latitude", "longitude")
    )


def _merge(spark: SparkSession, place: Path, rows: DataFrame, key: tuple[str, ...]) -> None:
    condition = " AND ".join(f"held.{name} = new.{name}" for name in key)
    (
        DeltaTable.forPath(spark, str(place))
        .alias("held")
        .merge(rows.alias("new"), condition)
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute()
    )


if __name__ == "__main__":
    session = SparkSession.builder.appName("naive").getOrCreate()
    refresh(session, sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    session.stop()
