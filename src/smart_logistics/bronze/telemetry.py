"""Parsed telemetry as rows of Bronze and of the dead letter."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.bronze import IOT_TELEMETRY, REJECTED_RECORDS
from smart_logistics.contracts.rules import Reason, Reprocessing


def records(parsed: DataFrame, ingested_at: Column, run_id: str) -> DataFrame:
    """Return the records that are JSON objects, whatever their fields: those are judged in Silver."""
    return (
        parsed.filter(F.col("position").isNotNull() & F.col("malformed").isNull())
        .withColumns({"_ingested_at": ingested_at, "_run_id": F.lit(run_id)})
        .select(*IOT_TELEMETRY.column_names)
    )


def rejected(parsed: DataFrame, ingested_at: Column, run_id: str) -> DataFrame:
    """Return the dead letters of the records that are none."""
    return (
        parsed.filter(F.col("malformed").isNotNull())
        .select(
            "record_id",
            F.lit(IOT_TELEMETRY.name).alias("source_table"),
            "source_file",
            F.concat_ws(":", "source_file", F.col("position").cast("string")).alias("source_key"),
            F.lit(Reason.MALFORMED_JSON.name).alias("rejection_reason"),
            F.col("malformed").alias("rejection_detail"),
            "raw_payload",
            F.lit("bronze").alias("layer"),
            ingested_at.alias("rejected_at"),
            F.lit(run_id).alias("run_id"),
            F.lit(Reprocessing.PENDING.value).alias("reprocessing_status"),
            ingested_at.alias("_ingested_at"),
            F.to_date(ingested_at).alias("rejection_date"),
        )
        .select(*REJECTED_RECORDS.column_names)
    )
