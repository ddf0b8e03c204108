"""Rules over rows, as frames of one row each (``table``, ``check``, ``value``, ``example``), collected together.

Each function takes what is new and whatever it is compared with; the caller has narrowed both to what can matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.silver import SHIPMENT_VERSIONS, TRUCK_ASSIGNMENTS
from smart_logistics.contracts.source import ForeignKey
from smart_logistics.quality import checks
from smart_logistics.quality.actions import rows_of
from smart_logistics.quality.checks import Check, Outcome

SAME_MINUTES = 1e-6


def finding(table: Table, check: Check, broken: DataFrame, example: Column) -> DataFrame:
    """Return how many rows are ``broken``, with one of them told."""
    return broken.agg(
        F.lit(table.full_name).alias("table"),
        F.lit(check.name).alias("check"),
        F.count(F.lit(1)).cast("double").alias("value"),
        F.coalesce(F.substring(F.min(example), 1, 300), F.lit("")).alias("example"),
    )


def collected(frames: list[tuple[Table, Check, DataFrame]], *, at_once: int = 1) -> list[Outcome]:
    """Measure all frames, by ``at_once`` Spark actions side by side."""
    rows = {(r["table"], r["check"]): r for r in rows_of([frame for _, _, frame in frames], at_once=at_once)}
    found = []
    for table, check, _ in frames:
        row = rows[table.full_name, check.name]
        found.append(Outcome(table, check, row["value"], row["example"]))
    return found


def shown(*columns: str) -> Column:
    """Return the columns with their names, as text."""
    parts = [F.concat(F.lit(f"{name}="), F.coalesce(F.col(name).cast("string"), F.lit("null"))) for name in columns]
    return F.concat_ws(", ", *parts)


def repeated_keys(table: Table, rows: DataFrame) -> DataFrame:
    """Count the keys that more than one of the ``rows`` has."""
    repeated = rows.groupBy(*table.key).agg(F.count(F.lit(1)).alias("_times")).filter("_times > 1")
    return finding(table, checks.KEY_UNIQUE, repeated, shown(*table.key))


def orphans(table: Table, rows: DataFrame, parents: Mapping[ForeignKey, DataFrame]) -> DataFrame:
    """Count the references of ``rows`` to a parent that is not there; ``parents`` hold one column of keys each."""
    lost = []
    for key, known in parents.items():
        (name,) = known.columns
        missing = rows.join(known, rows[key.column] == known[name], "left_anti").filter(F.col(key.column).isNotNull())
        lost.append(
            missing.select(F.concat_ws("=", F.lit(key.column), F.col(key.column).cast("string")).alias("_lost"))
        )
    return finding(table, checks.FOREIGN_KEYS, reduce(DataFrame.union, lost), F.col("_lost"))


def broken_histories(versions: DataFrame) -> DataFrame:
    """Count the shipments whose ``versions`` (all of each) are no history."""
    in_time = Window.partitionBy("shipment_id").orderBy("version", "effective_start_ts")
    last = F.col("_next").isNull()
    step = (
        versions.withColumn("_number", F.row_number().over(in_time))
        .withColumn("_next", F.lead("effective_start_ts").over(in_time))
        .withColumn(
            "_broken",
            (F.col("version") != F.col("_number"))
            | ~F.when(last, F.col("effective_end_ts").isNull() | F.col("is_deleted")).otherwise(
                F.col("effective_end_ts").eqNullSafe(F.col("_next"))
            )
            | (F.col("effective_end_ts") < F.col("effective_start_ts"))
            | (F.col("is_current") != (last & ~F.col("is_deleted")))
            | (F.col("is_current") != F.col("effective_end_ts").isNull()),
        )
    )
    broken = step.groupBy("shipment_id").agg(F.count_if("_broken").alias("_steps")).filter("_steps > 0")
    return finding(SHIPMENT_VERSIONS, checks.SCD2, broken, shown("shipment_id"))


def incomplete(versions: DataFrame, analytics: DataFrame) -> DataFrame:
    """Count the shipments of ``versions`` that are live and not in ``analytics``, or there and not live."""
    live = versions.groupBy("shipment_id").agg(F.max("is_current").alias("_live"))
    there = analytics.groupBy(F.col("shipment_id").alias("_id")).agg(F.lit(True).alias("_there"))
    broken = live.join(there, F.col("shipment_id") == F.col("_id"), "left").filter(
        F.col("_live") != F.coalesce("_there", F.lit(False))
    )
    return finding(SHIPMENT_ANALYTICS, checks.COMPLETE, broken, shown("shipment_id", "_live"))


def disagreeing_excursions(analytics: DataFrame, excursions: DataFrame) -> DataFrame:
    """Count the rows of ``analytics`` whose excursions are other than it says."""
    told = excursions.groupBy(F.col("shipment_id").alias("_id")).agg(
        F.count(F.lit(1)).alias("_count"), F.sum("minutes").alias("_minutes"), F.sum("reading_count").alias("_readings")
    )
    none = F.lit(0)
    broken = analytics.join(told, F.col("shipment_id") == F.col("_id"), "left").filter(
        (F.col("excursion_count") != F.coalesce("_count", none))
        | (F.col("violation_count") != F.coalesce("_readings", none))
        | (F.abs(F.col("excursion_minutes") - F.coalesce("_minutes", none)) > SAME_MINUTES)
    )
    return finding(TEMPERATURE_EXCURSIONS, checks.EXCURSIONS_AGREE, broken, shown("shipment_id", "excursion_count"))


def overlaps(new: DataFrame, assignments: DataFrame) -> DataFrame:
    """Count the ``new`` assignments whose vehicle has another one meanwhile; cancelled and deleted do not count."""

    def counting(frame: DataFrame, prefix: str) -> DataFrame:
        taken = frame.filter((F.col("status") != "CANCELLED") & ~F.col("is_deleted"))
        names = ("assignment_id", "vehicle_id", "assignment_start_time", "assignment_end_time")
        return taken.select(*(F.col(name).alias(prefix + name) for name in names))

    def before(one: str, other: str) -> Column:
        ends = F.col(f"{other}assignment_end_time")
        return ends.isNull() | (F.col(f"{one}assignment_start_time") < ends)

    both = counting(new, "").join(
        counting(assignments, "o_"),
        (F.col("vehicle_id") == F.col("o_vehicle_id"))
        & (F.col("assignment_id") != F.col("o_assignment_id"))
        & before("", "o_")
        & before("o_", ""),
        "left_semi",
    )
    return finding(TRUCK_ASSIGNMENTS, checks.OVERLAPS, both, shown("vehicle_id", "assignment_id"))


def counted(rows: DataFrame, by: Sequence[str], name: str) -> DataFrame:
    """Return how many ``rows`` there are by the columns ``by``, as column ``name``."""
    return rows.groupBy(*by).agg(F.count(F.lit(1)).alias(name))
