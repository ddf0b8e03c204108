"""SCD2 of shipments: the history of a shipment's status, rebuilt whole from its events."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.silver import SHIPMENT_VERSIONS


def versions(rows: DataFrame, events: DataFrame) -> DataFrame:
    """Return every version of the shipments in ``rows``, without ``_changed_at``.

    Args:
        rows: one row for each shipment: the columns of its latest valid row, ``_row_status`` in place of nothing (its
            status there), ``created_month``, ``_former_months``, ``_ingested_at``, ``_deleted_at``, ``is_deleted``.
        events: all valid events of these shipments (event_id, shipment_id, status, changed_at).

    Versions are built from the events in (changed_at, event_id) order, consecutive equal statuses collapsed. Deriving
    them from earlier versions would be wrong: a late event between two collapsed ones needs the second of them back.
    """
    in_time = Window.partitionBy("shipment_id").orderBy("changed_at", "event_id")
    steps = (
        events.withColumn("_before", F.lag("status").over(in_time))
        .filter(F.col("_before").isNull() | (F.col("_before") != F.col("status")))
        .select(
            F.col("shipment_id").alias("_shipment"),
            F.col("status").alias("_status"),
            F.col("changed_at").alias("_start"),
            F.xxhash64("shipment_id", "event_id").alias("_sk"),
            F.row_number().over(in_time).alias("_version"),
            F.lead("changed_at").over(in_time).alias("_end"),
        )
    )
    has_event = F.col("_shipment").isNotNull()
    joined = rows.join(steps, rows["shipment_id"] == F.col("_shipment"), "left")
    start = F.when(has_event, F.col("_start")).otherwise(F.coalesce("updated_at", "created_at"))
    is_last = F.col("_end").isNull()
    # A deleted shipment's last version ends when it was found gone, and never before it began.
    end = F.when(is_last & F.col("is_deleted"), F.greatest("_deleted_at", "effective_start_ts")).otherwise(
        F.col("_end")
    )
    built = joined.withColumns(
        {
            "shipment_sk": F.when(has_event, F.col("_sk")).otherwise(F.xxhash64("shipment_id")),
            "status": F.when(has_event, F.col("_status")).otherwise(F.col("_row_status")),
            "version": F.coalesce("_version", F.lit(1)),
            "effective_start_ts": start,
        }
    ).withColumns({"effective_end_ts": end, "is_current": is_last & ~F.col("is_deleted")})
    return built.select(*(name for name in SHIPMENT_VERSIONS.column_names if name != "_changed_at"))


def latest_rows(existing: DataFrame) -> DataFrame:
    """Return one row for each shipment of ``existing`` versions; ``status`` is that of its latest valid row."""
    first = Window.partitionBy("shipment_id").orderBy("version")
    return (
        existing.withColumn("_rank", F.row_number().over(first))
        .filter("_rank = 1")
        .withColumn("status", F.col("_row_status"))
        .drop("_rank")
    )


def with_months(rows: DataFrame, existing: DataFrame) -> DataFrame:
    """Add ``created_month``, ``_former_months`` and ``_row_status``; a month that created_at left is remembered."""
    known = existing.select(
        F.col("shipment_id").alias("_known"),
        F.array_union(F.coalesce("_former_months", F.array().cast("array<string>")), F.array("created_month")).alias(
            "_months"
        ),
    )
    month = F.date_format("created_at", "yyyy-MM")
    return (
        rows.join(known, rows["shipment_id"] == F.col("_known"), "left")
        .withColumn("created_month", month)
        .withColumn("_former_months", F.array_remove(F.coalesce("_months", F.array().cast("array<string>")), month))
        .withColumn("_row_status", F.col("status"))
        .drop("_known", "_months", "status")
    )
