"""The dead letter's shape: what was rejected, why, and what becomes of it later."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.rules import OPEN, SUPERSEDED, VALID_AGAIN, Reason, Reprocessing
from smart_logistics.contracts.source import SourceTable
from smart_logistics.deadletters import lineage
from smart_logistics.silver.latest import VERDICT

_TIMESTAMPS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "ignoreNullFields": "false"}


def as_json(columns: list[str]) -> Column:
    """Return a row as JSON that ``orphans`` reads back without loss."""
    return F.to_json(F.struct(*columns), _TIMESTAMPS)


def orphans(letters: DataFrame, source: SourceTable) -> DataFrame:
    """Return the row versions among ``letters`` (all of the source table) that may find their parent now.

    Returns:
        The source's columns, ``_rescued_data``, ``_ingested_at``, ``_payload`` (null), ``_seen_at`` (when a version of
        the key was last rejected), ``_record_id`` and ``_corrects`` (null).
    """
    ddl = ", ".join(f"`{c.name}` {c.type}" for c in source.columns) + ", _rescued_data string"
    return (
        letters.withColumn("_seen_at", F.max("_ingested_at").over(Window.partitionBy("source_key")))
        .filter(may_find_its_parent())
        .withColumn("_row", F.from_json("raw_payload", ddl, _TIMESTAMPS))
        .select(
            "_row.*",
            "_ingested_at",
            F.lit(None).cast("string").alias("_payload"),
            "_seen_at",
            F.col("record_id").alias("_record_id"),
            F.lit(None).cast("string").alias("_corrects"),
        )
    )


def of_rows(versions: DataFrame, source: SourceTable, run_id: str, rejected_at: Column) -> DataFrame:
    """Return the dead letters of the judged ``versions`` that failed; those with a newer version are closed at once.

    ``versions`` hold ``_payload`` (the row as JSON) and ``_seen_at`` (when the newest version of the key was
    extracted).
    """
    key = F.coalesce(F.col(source.key).cast("string"), F.lit(""))
    identity = [F.lit(source.name), key, F.col("_ingested_at").cast("string"), F.col("_payload")]
    # Rows without a key may be alike to the letter; each is one letter all the same.
    twin = F.row_number().over(Window.partitionBy("_payload", "_ingested_at").orderBy(F.lit(1)))
    superseded = F.col(source.key).isNotNull() & (F.col("_ingested_at") < F.col("_seen_at"))
    status = F.when(superseded, Reprocessing.DISCARDED.value).otherwise(Reprocessing.PENDING.value)
    detail = F.concat(F.col(f"{VERDICT}.detail"), F.when(superseded, SUPERSEDED).otherwise(""))
    return (
        versions.filter(F.col(VERDICT).isNotNull())
        .withColumn("_twin", twin.cast("string"))
        .select(
            F.sha2(F.concat_ws("\x1f", *identity, F.col("_twin")), 256).alias("record_id"),
            F.lit(source.name).alias("source_table"),
            F.lit(None).cast("string").alias("source_file"),
            key.alias("source_key"),
            F.col(f"{VERDICT}.reason").alias("rejection_reason"),
            detail.alias("rejection_detail"),
            F.col("_payload").alias("raw_payload"),
            F.lit("silver").alias("layer"),
            rejected_at.alias("rejected_at"),
            F.lit(run_id).alias("run_id"),
            status.alias("reprocessing_status"),
            "_ingested_at",
            F.to_date(rejected_at).alias("rejection_date"),
        )
        .select(*REJECTED_RECORDS.column_names)
    )


def of_readings(rejected: DataFrame, run_id: str, rejected_at: Column) -> DataFrame:
    """Return the dead letters of Bronze readings that failed in Silver."""
    key = reading_key()
    identity = [F.lit("iot_telemetry"), key, F.col("_ingested_at").cast("string"), F.col("raw_payload")]
    return rejected.select(
        F.sha2(F.concat_ws("\x1f", *identity), 256).alias("record_id"),
        F.lit("iot_telemetry").alias("source_table"),
        "source_file",
        key.alias("source_key"),
        F.col(f"{VERDICT}.reason").alias("rejection_reason"),
        F.col(f"{VERDICT}.detail").alias("rejection_detail"),
        "raw_payload",
        F.lit("silver").alias("layer"),
        rejected_at.alias("rejected_at"),
        F.lit(run_id).alias("run_id"),
        F.lit(Reprocessing.PENDING.value).alias("reprocessing_status"),
        "_ingested_at",
        F.to_date(rejected_at).alias("rejection_date"),
    ).select(*REJECTED_RECORDS.column_names)


def is_open() -> Column:
    """Whether a letter still waits for someone."""
    return F.col("reprocessing_status").isin(*OPEN)


def may_find_its_parent() -> Column:
    """Whether a letter is retried: an orphan that is open, or that a newer version closed which was itself rejected.

    The second matters where the newer version is invalid: then the orphan is the latest valid version once its parent
    is there, in whatever batches they came.
    """
    return (F.col("rejection_reason") == Reason.INVALID_FOREIGN_KEY.name) & (
        is_open() | (is_discarded() & was_superseded())
    )


def is_discarded() -> Column:
    """Whether a letter is closed and its record not in Silver: by a person, or because a newer version came."""
    return F.col("reprocessing_status") == Reprocessing.DISCARDED.value


def was_superseded() -> Column:
    """Whether it was a newer version that closed a letter."""
    return F.col("rejection_detail").endswith(SUPERSEDED)


def reading_key() -> Column:
    """Return what the letter of a Bronze reading calls ``source_key``."""
    return F.concat_ws(":", "source_file", F.col("position").cast("string"))


def superseded(letters: DataFrame, *, by_correction: Column) -> DataFrame:
    """Close ``letters`` because a newer version of their record came.

    REPROCESSED where that is a valid one which corrects the letter (``by_correction``), else DISCARDED.
    """
    status = F.when(by_correction, Reprocessing.REPROCESSED.value).otherwise(Reprocessing.DISCARDED.value)
    mark = F.when(by_correction, "").otherwise(SUPERSEDED)
    return letters.withColumns({"reprocessing_status": status, "rejection_detail": F.concat("rejection_detail", mark)})


def corrected_letter(run_id: Column) -> Column:
    """Return the letter that a row version corrects, by its run id; null for an extracted version."""
    return F.when(run_id.startswith(lineage.RUN_PREFIX), F.substring(run_id, len(lineage.RUN_PREFIX) + 1, 64))


def corrected_record(source_file: Column) -> Column:
    """Return the letter that a telemetry record corrects, by the name of its file; empty for all others."""
    return F.regexp_extract(source_file, lineage.FILE_PATTERN, 1)


def reprocessed(letters: DataFrame) -> DataFrame:
    """Close ``letters`` because their row is in its Silver table now."""
    return letters.withColumn("reprocessing_status", F.lit(Reprocessing.REPROCESSED.value))


def stands() -> Column:
    """Whether what a letter rejects is not in Silver itself: it was not found valid when the layer was made again."""
    return ~F.coalesce(F.col("rejection_detail").endswith(VALID_AGAIN), F.lit(False))


def valid_again(letters: DataFrame) -> DataFrame:
    """Close ``letters`` because their own record is valid now."""
    return reprocessed(letters).withColumn("rejection_detail", F.concat("rejection_detail", F.lit(VALID_AGAIN)))


def rejected_again(letters: DataFrame) -> DataFrame:
    """Open ``letters`` that ``valid_again`` had closed."""
    detail = F.expr(f"substring(rejection_detail, 1, length(rejection_detail) - {len(VALID_AGAIN)})")
    return letters.withColumns({"reprocessing_status": F.lit(Reprocessing.PENDING.value), "rejection_detail": detail})
