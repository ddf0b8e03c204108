"""The one-place rule: whatever came in is in exactly one place, its Silver table or the dead letter."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.rules import VALID_AGAIN, WHITE_SPACE, Reprocessing
from smart_logistics.contracts.source import SourceTable
from smart_logistics.quality import checks
from smart_logistics.quality.findings import counted, finding

_FILE = ("source_file", "_ingested_at")


def files(log: DataFrame, records: DataFrame, letters: DataFrame) -> DataFrame:
    """Count the files of which the log tells other numbers than Bronze and the dead letter hold.

    All three are what came in the same batches; ``letters`` are those of telemetry.
    """
    loaded = log.filter("status = 'LOADED'").select(
        F.col("file_name").alias("source_file"),
        F.col("processed_at").alias("_ingested_at"),
        "record_count",
        "rejected_count",
    )
    rejected = counted(letters.filter("layer = 'bronze'"), _FILE, "_rejected")
    both = _beside(_beside(loaded, counted(records, _FILE, "_kept")), rejected)
    wrong = (
        F.col("record_count").isNull()
        | (F.col("record_count") != _number("_kept") + _number("_rejected"))
        | (F.col("rejected_count") != _number("_rejected"))
    )
    told = F.concat_ws(" ", "source_file", *(_told(n) for n in ("record_count", "_kept", "_rejected")))
    return finding(bronze.PROCESSED_FILES_LOG, checks.FILES_RECONCILED, both.filter(wrong), told)


def readings(records: DataFrame, held: DataFrame, letters: DataFrame) -> DataFrame:
    """Count the files whose Bronze ``records`` are not each ``held`` in Silver or among the ``letters``."""
    # What was found valid when Silver was made again is held there.
    stands = ~F.coalesce(F.col("rejection_detail").endswith(VALID_AGAIN), F.lit(False))
    rejected = counted(letters.filter((F.col("layer") == silver.LAYER) & stands), _FILE, "_rejected")
    both = _beside(_beside(counted(records, _FILE, "_records"), counted(held, _FILE, "_held")), rejected)
    wrong = _number("_records") != _number("_held") + _number("_rejected")
    told = F.concat_ws(" ", "source_file", *(_told(n) for n in ("_records", "_held", "_rejected")))
    return finding(silver.IOT_TELEMETRY, checks.READINGS_RECONCILED, both.filter(wrong), told)


def rows(source: SourceTable, target: Table, versions: DataFrame, letters: DataFrame, held: DataFrame) -> DataFrame:
    """Count the ``versions`` of a source table that are in no place or in two.

    A version is accounted for where its letter is, or where Silver holds its key as of this extraction or a later
    one. A key may repeat inside one extraction, so versions are counted by (key, extraction).

    Args:
        source: the declaration.
        target: its Silver table.
        versions: Bronze rows of the extractions to look at.
        letters: dead letters of the same extractions and this table.
        held: Silver rows that changed since.
    """
    key = F.coalesce(F.col(source.key).cast("string"), F.lit("")).alias("_key")
    came = versions.groupBy(key, F.col("_ingested_at").alias("_at")).agg(F.count(F.lit(1)).alias("_versions"))
    # What was an orphan and found its parent is in Silver.
    waits = letters.filter(F.col("reprocessing_status") != Reprocessing.REPROCESSED.value)
    rejected = waits.groupBy(F.col("source_key").alias("_k"), F.col("_ingested_at").alias("_a")).agg(
        F.count(F.lit(1)).alias("_rejected")
    )
    taken = held.groupBy(key.alias("_h")).agg(F.max("_ingested_at").alias("_held_at"))
    both = (
        came.join(rejected, (F.col("_key") == F.col("_k")) & (F.col("_at") == F.col("_a")), "full")
        .withColumn("_key", F.coalesce("_key", "_k"))
        .join(taken, F.col("_key") == F.col("_h"), "left")
    )
    left = _number("_versions") - _number("_rejected")
    nowhere = (left > 0) & (F.col("_held_at").isNull() | (F.col("_held_at") < F.col("_at")))
    twice = (left < 0) | ((left == 0) & (F.col("_held_at") == F.col("_at")))
    broken = both.filter(F.coalesce(nowhere, F.lit(False)) | F.coalesce(twice, F.lit(False)))
    told = F.concat_ws(" ", F.concat(F.lit("key "), F.col("_key")), _told("_versions"), _told("_rejected"))
    return finding(target, checks.ONE_PLACE, broken, told)


def unknown_readings(held: DataFrame, records: DataFrame) -> DataFrame:
    """Count the ``held`` readings that none of Bronze's ``records`` of the same batches says."""
    names = ("event_ts", "temperature", "latitude", "longitude", "reading_date", *_FILE)
    came = records.select(F.upper(F.btrim("truck_id", F.lit(WHITE_SPACE))).alias("truck_id"), *names).distinct()
    told = F.concat_ws(" ", "truck_id", F.col("event_ts").cast("string"))
    return finding(silver.IOT_TELEMETRY, checks.FROM_BRONZE, _not_among(held, came, ("truck_id", *names)), told)


def unknown_rows(source: SourceTable, target: Table, held: DataFrame, versions: DataFrame) -> DataFrame:
    """Count the ``held`` rows of a Silver table that no one of Bronze's ``versions`` of the same extractions says."""
    names = [*source.column_names, "_ingested_at"]
    if "_row_status" in target.column_names:
        held = held.withColumn("status", F.col("_row_status"))
    if "license_plate" in names:
        plate = F.upper(F.btrim("license_plate", F.lit(WHITE_SPACE)))
        versions = versions.withColumn("license_plate", plate)
    told = F.concat(F.lit("key "), F.col(source.key).cast("string"))
    unknown = _not_among(held, versions.select(*names).distinct(), names)
    return finding(target, checks.FROM_BRONZE, unknown, told)


def _not_among(rows: DataFrame, known: DataFrame, names: Sequence[str]) -> DataFrame:
    # By hash: a join on a dozen null-safe columns costs more to plan than to run.
    kept = known.select(F.xxhash64(*_without_null(names)).alias("_known"))
    return rows.join(kept, F.xxhash64(*_without_null(names)) == F.col("_known"), "left_anti")


def _without_null(names: Sequence[str]) -> list[Column]:
    # A null leaves the hash as it was: without a mark, (null, x) and (x, null) would be alike.
    return [column for name in names for column in (F.col(name).isNull(), F.col(name))]


def _number(name: str) -> Column:
    return F.coalesce(F.col(name), F.lit(0))


def _told(name: str) -> Column:
    return F.concat(F.lit(f"{name.lstrip('_')}="), _number(name).cast("string"))


def _beside(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.join(other, list(_FILE), "full")
