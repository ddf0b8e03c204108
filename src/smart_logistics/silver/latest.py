"""The latest valid version of each key, whatever the order and the batches in which the versions came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Table
from smart_logistics.contracts.silver import USED_BY_GOLD, USED_CHANGED_AT
from smart_logistics.contracts.source import SourceTable
from smart_logistics.lake.operations import INSERT, OPERATION, UPDATE
from smart_logistics.silver.verdict import first_failure, normalised_plate, row_checks

VERDICT = "_verdict"


def typed(versions: DataFrame, source: SourceTable) -> DataFrame:
    """Return ``versions`` with what Silver changes in a value: license plates trimmed and in upper case."""
    if source.name != "vehicles":
        return versions
    return versions.withColumn("license_plate", normalised_plate("license_plate"))


def with_parents(versions: DataFrame, source: SourceTable, parents: Mapping[str, DataFrame]) -> DataFrame:
    """Add ``_has_<column>`` for each foreign key: whether it is among ``parents[column]`` (one column of keys)."""
    for key in source.foreign_keys:
        (name,) = parents[key.column].columns
        known = (
            parents[key.column].select(F.col(name).alias("_parent"), F.lit(True).alias(f"_has_{key.column}")).distinct()
        )
        versions = (
            versions.join(known, F.col(key.column) == F.col("_parent"), "left")
            .drop("_parent")
            .withColumn(f"_has_{key.column}", F.coalesce(f"_has_{key.column}", F.lit(False)))
        )
    return versions


def judged(versions: DataFrame, source: SourceTable, parents: Mapping[str, DataFrame]) -> DataFrame:
    """Return ``versions`` typed, with the struct ``_verdict`` (reason, detail), null where the row is valid."""
    # License plates are judged before they are normalised: blank is blank either way.
    marked = with_parents(versions, source, parents).withColumn(VERDICT, first_failure(row_checks(source)))
    return typed(marked, source).drop(*(f"_has_{key.column}" for key in source.foreign_keys))


def newest_valid(versions: DataFrame, source: SourceTable) -> DataFrame:
    """Return one row for each key among the valid versions: the one extracted last."""
    # A key may repeat inside one extraction; content decides then, so that a replay decides alike.
    order = [F.desc("_ingested_at")]
    if "updated_at" in source.column_names:
        order.append(F.desc_nulls_last("updated_at"))
    order.append(F.desc(F.xxhash64(*source.column_names)))
    newest_first = Window.partitionBy(source.key).orderBy(*order)
    return (
        versions.filter(F.col(VERDICT).isNull())
        .withColumn("_rank", F.row_number().over(newest_first))
        .filter("_rank = 1")
        .drop("_rank", VERDICT)
    )


def settled(existing: DataFrame, versions: DataFrame, gone: DataFrame | None, source: SourceTable) -> DataFrame:
    """Return what Silver should hold for each key that a batch touches.

    Args:
        existing: Silver rows of the touched keys (source's columns, ``_ingested_at``, ``_deleted_at`` and others).
        versions: judged versions of the batch; ``_seen_at`` is the latest extraction of the key, valid or not.
        gone: keys found gone (``source_key`` in the key's type, ``_gone_at``); None where there are none.
        source: the declaration.

    Returns:
        The source's columns, ``_ingested_at``, ``_deleted_at``, ``is_deleted`` and ``_held`` (the existing row, null
        for a new one): the existing row, or the newest valid version where that was extracted later. A row is deleted
        where it was found gone after any version of it came.
    """
    key = source.key
    values = [*source.column_names, "_ingested_at"]
    fresh = newest_valid(versions, source).select(F.col(key).alias("_key"), F.struct(*values).alias("_fresh"))
    held = existing.select(F.col(key).alias("_key"), F.struct(*existing.columns).alias("_held"))
    seen = versions.groupBy(F.col(key).alias("_key")).agg(F.max("_seen_at").alias("_seen_at"))
    joined = held.join(fresh, "_key", "full").join(seen, "_key", "left")
    # Events are never deleted.
    last_gone: Column = (
        F.col("_held._deleted_at") if "_deleted_at" in existing.columns else F.lit(None).cast("timestamp")
    )
    if gone is not None:
        lost = gone.groupBy(F.col("source_key").alias("_key")).agg(F.max("_gone_at").alias("_gone_at"))
        joined = joined.join(lost, "_key", "left")
        last_gone = F.greatest("_gone_at", last_gone)
    keep_held = F.col("_fresh").isNull() | (F.col("_held._ingested_at") > F.col("_fresh._ingested_at"))
    row = F.when(F.col("_held").isNotNull() & keep_held, F.struct(*(f"_held.{name}" for name in values))).otherwise(
        F.col("_fresh")
    )
    last_seen = F.greatest("_seen_at", F.col("_row._ingested_at"))
    return (
        joined.withColumn("_row", row)
        .withColumn("_gone", F.when(last_gone > last_seen, last_gone))
        .select("_row.*", F.col("_gone").alias("_deleted_at"), F.col("_gone").isNotNull().alias("is_deleted"), "_held")
        .filter(F.col(key).isNotNull())
    )


def with_former_shipments(wanted: DataFrame) -> DataFrame:
    """Add ``_former_shipment_ids`` to ``settled`` assignments: the other shipments that each of them named before."""
    none = F.array().cast("array<string>")
    before = F.array_append(F.coalesce("_held._former_shipment_ids", none), F.col("_held.shipment_id"))
    named = F.when(F.col("_held").isNotNull(), F.array_distinct(before)).otherwise(none)
    return wanted.withColumn("_former_shipment_ids", F.array_remove(named, F.col("shipment_id")))


def with_used_changed_at(wanted: DataFrame, used: Sequence[str], now: Column) -> DataFrame:
    """Add ``_used_changed_at`` to ``settled`` rows: when a column that Gold uses last changed."""
    unlike = F.struct(*used)
    changed = F.col("_held").isNull() | ~unlike.eqNullSafe(F.struct(*(f"_held.{name}" for name in used)))
    return wanted.withColumn(USED_CHANGED_AT, F.when(changed, now).otherwise(F.col(f"_held.{USED_CHANGED_AT}")))


def changes(wanted: DataFrame, compared: Sequence[str]) -> DataFrame:
    """Return those of the ``settled`` rows that differ from what is held, marked as in ``lake.changes.difference``."""
    same = [F.col(name).eqNullSafe(F.col(f"_held.{name}")) for name in compared]
    operation = F.when(F.col("_held").isNull(), INSERT).when(~reduce(and_, same), UPDATE)
    return wanted.withColumn(OPERATION, operation).filter(F.col(OPERATION).isNotNull()).select(*compared, OPERATION)


def differing(wanted: DataFrame, table: Table, source: SourceTable, now: Column) -> DataFrame:
    """Return those of the ``settled`` rows that differ from what a ``table`` of latest versions holds.

    In the table's columns, and marked as in ``lake.changes.difference``; changed ``now``.
    """
    names = table.column_names
    if source.name in USED_BY_GOLD:
        wanted = with_used_changed_at(wanted, USED_BY_GOLD[source.name], now)
    if "_former_shipment_ids" in names:
        wanted = with_former_shipments(wanted)
    compared = [name for name in names if name != "_changed_at"]
    if "is_deleted" not in names:
        compared = [name for name in compared if name in (*source.column_names, "_ingested_at")]
    return changes(wanted, compared).withColumn("_changed_at", now)
