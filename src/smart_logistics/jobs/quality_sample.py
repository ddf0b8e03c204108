"""Gold against a computation of its own: a handful of the shipments that something new may have changed, or all."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import gold, silver
from smart_logistics.contracts.rules import CANCELLED_ASSIGNMENT
from smart_logistics.jobs.quality_window import Window
from smart_logistics.lake.conditions import Condition
from smart_logistics.lake.reading import among
from smart_logistics.quality import checks
from smart_logistics.quality.checks import Outcome
from smart_logistics.quality.recomputation import differing

SAMPLE = 10
_READINGS, _ASSIGNMENTS, _SHIPMENTS = silver.IOT_TELEMETRY, silver.TRUCK_ASSIGNMENTS, silver.SHIPMENT_VERSIONS


def recomputed(window: Window) -> Outcome:
    """Return how many of the sampled shipments have other readings, extremes, violations or status than Gold says."""
    ids = _sample(window)
    if not ids:
        return Outcome(gold.SHIPMENT_ANALYTICS, checks.RECOMPUTED, None, "nothing new")
    sampled = among("shipment_id", ids)
    shipments = window.lake.rows(_SHIPMENTS, [sampled]).filter("is_current")
    assignments = _counting(window.lake.rows(_ASSIGNMENTS, [sampled]))
    trips = _trips(window, assignments)
    parts = [
        trips.select(
            F.lit("trip").alias("what"),
            F.col("license_plate").alias("name"),
            F.col("assignment_start_time").alias("start"),
            F.col("assignment_end_time").alias("end"),
        ),
        shipments.select(F.lit("month"), "created_month", F.lit(None).cast("timestamp"), F.lit(None).cast("timestamp")),
    ]
    known = parts[0].union(parts[1]).collect()
    months = {row["name"] for row in known if row["what"] == "month"}
    readings = _readings(window, [(r["name"], r["start"], r["end"]) for r in known if r["what"] == "trip"])
    answers = window.in_months(months, sampled)
    found = differing(shipments, trips, readings, _limits(window), answers)
    return _outcome(found, f"{len(ids)} shipments agree")


def all_recomputed(window: Window) -> Outcome:
    """Return how many of all live shipments differ."""
    shipments = window.read(_SHIPMENTS).filter("is_current")
    found = differing(
        shipments,
        _trips(window, _counting(window.read(_ASSIGNMENTS))),
        window.read(_READINGS),
        _limits(window),
        window.read(gold.SHIPMENT_ANALYTICS),
    )
    return _outcome(found, "all shipments agree")


def _outcome(differing: DataFrame, agree: str) -> Outcome:
    row = differing.agg(F.count(F.lit(1)).alias("n"), F.slice(F.collect_list("told"), 1, 3).alias("told")).collect()[0]
    return Outcome(gold.SHIPMENT_ANALYTICS, checks.RECOMPUTED, row["n"], "; ".join(row["told"]) or agree)


def _limits(window: Window) -> DataFrame:
    return window.read(silver.SHIPMENT_TYPES).select("type_name", "min_temperature", "max_temperature")


def _trips(window: Window, assignments: DataFrame) -> DataFrame:
    return assignments.join(window.read(silver.VEHICLES).select("vehicle_id", "license_plate"), "vehicle_id")


def _counting(assignments: DataFrame) -> DataFrame:
    return assignments.filter((F.col("status") != CANCELLED_ASSIGNMENT) & ~F.col("is_deleted"))


def _sample(window: Window) -> list[str]:
    """Return shipments that new versions, assignments or readings concern, other ones in each run."""
    touched = []
    if window.count(_SHIPMENTS):
        touched.append(window.new(_SHIPMENTS).filter("is_current").select("shipment_id"))
    if window.count(_ASSIGNMENTS):
        touched.append(window.new(_ASSIGNMENTS).select("shipment_id"))
    if window.count(_READINGS):
        spans = (
            window.new(_READINGS).groupBy("truck_id").agg(F.min("event_ts").alias("a"), F.max("event_ts").alias("b"))
        )
        trucks = window.read(silver.VEHICLES).join(spans, F.col("license_plate") == F.col("truck_id"))
        ends = F.col("assignment_end_time")
        under_way = _counting(window.under_way(_ASSIGNMENTS, _READINGS, "event_ts")).join(
            trucks.select("vehicle_id", "a", "b"), "vehicle_id"
        )
        touched.append(
            under_way.filter(
                (F.col("assignment_start_time") <= F.col("b")) & (ends.isNull() | (ends > F.col("a")))
            ).select("shipment_id")
        )
    if not touched:
        return []
    ids = reduce(DataFrame.union, touched).distinct()
    return [row[0] for row in ids.orderBy(F.xxhash64("shipment_id", F.lit(window.seen))).limit(SAMPLE).collect()]


def _readings(window: Window, trips: list[tuple[str, datetime, datetime | None]]) -> DataFrame:
    """Return the readings of the trips' trucks in the days that they took, named literally."""
    if not trips:
        return window.lake.nothing(_READINGS)
    where: list[Condition] = [
        ("truck_id", "in", sorted({plate for plate, _, _ in trips})),
        ("reading_date", ">=", min(start for _, start, _ in trips).date()),
    ]
    ends = [end for _, _, end in trips]
    last = None if None in ends else max(end for end in ends if end is not None)
    return window.lake.rows(_READINGS, [where if last is None else [*where, ("reading_date", "<=", last.date())]])
