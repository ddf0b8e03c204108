"""Telemetry: each Bronze record judged once; the first reading of a truck and instant stays."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze
from smart_logistics.contracts.rules import EARLIEST_READING, Reason
from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.silver.speed import fixed_reason
from smart_logistics.silver.verdict import Check, first_failure, missing, normalised_plate

VERDICT = "_verdict"
KEY = list(IOT_TELEMETRY.key)


def _checks(max_clock_skew_minutes: int) -> list[Check]:
    too_late = F.col("_ingested_at") + F.expr(f"INTERVAL {max_clock_skew_minutes} MINUTES")
    time_shown = F.concat(F.lit("timestamp="), F.substring("timestamp", 1, 100))
    return [
        Check(Reason.SCHEMA_VALIDATION_FAILED, F.col("schema_error").isNotNull(), F.col("schema_error")),
        *(missing(bronze.IOT_TELEMETRY.column(name)) for name in ("truck_id", "timestamp", "temperature")),
        Check(
            Reason.BUSINESS_RULE_VIOLATION, F.col("event_ts") < F.lit(EARLIEST_READING).cast("timestamp"), time_shown
        ),
        Check(Reason.BUSINESS_RULE_VIOLATION, F.col("event_ts") > too_late, F.concat(time_shown, F.lit(" is ahead"))),
    ]


def judged(records: DataFrame, max_clock_skew_minutes: int) -> DataFrame:
    """Return Bronze ``records`` with ``_verdict`` by the rules of a record alone, and ``truck_id`` normalised."""
    verdict = first_failure(_checks(max_clock_skew_minutes))
    return records.withColumn(VERDICT, verdict).withColumn("truck_id", normalised_plate("truck_id"))


def without_repeats(records: DataFrame, held: DataFrame) -> DataFrame:
    """Mark as DUPLICATE_DETECTED each valid record whose key is ``held`` already, or came before in the batch.

    ``held`` are the keys in Silver. The first in (run, file name, position) order stays.
    """
    valid = F.col(VERDICT).isNull()
    # Only valid records compete: one that failed before must not take the first place from them.
    first = Window.partitionBy(*KEY, valid).orderBy("_ingested_at", "source_file", "position")
    ranked = records.join(held.select(*KEY).distinct().withColumn("_held", F.lit(True)), KEY, "left").withColumn(
        "_rank", F.row_number().over(first)
    )
    repeat = F.struct(
        F.lit(Reason.DUPLICATE_DETECTED.name).alias("reason"),
        F.concat(F.lit("repeats "), F.col("truck_id"), F.lit(" at "), F.col("event_ts").cast("string")).alias("detail"),
    )
    is_repeat = valid & (F.col("_held").isNotNull() | (F.col("_rank") > 1))
    return ranked.withColumn(VERDICT, F.when(is_repeat, repeat).otherwise(F.col(VERDICT))).drop("_held", "_rank")


def without_text(records: DataFrame) -> DataFrame:
    """Return the records without the text of the valid ones: most of a record, and only a dead letter shows it."""
    return records.withColumn("raw_payload", F.when(F.col(VERDICT).isNotNull(), F.col("raw_payload")))


def typed(records: DataFrame) -> DataFrame:
    """Return the valid records as Silver readings, with the outlier reasons that a reading has by itself."""
    reason = fixed_reason()
    return records.filter(F.col(VERDICT).isNull()).select(
        *KEY,
        "temperature",
        "latitude",
        "longitude",
        reason.isNotNull().alias("is_outlier"),
        reason.alias("outlier_reason"),
        "source_file",
        "_ingested_at",
        "reading_date",
    )
