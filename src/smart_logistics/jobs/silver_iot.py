"""Bronze telemetry to Silver readings, in an order that survives a crash at any moment.

1. rejections (their own progress keeps a second attempt from recording them again), and the end of the letters that
   records of this batch correct,
2. flags of neighbours that the new readings change (computed again alike as long as step 3 has not happened),
3. the new readings, in the commit that carries the progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.rules import NEIGHBOUR_HOURS, OPEN
from smart_logistics.deadletters import held as on_hand
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog, readings_again
from smart_logistics.jobs.runner import Context, main, summed
from smart_logistics.lake import small
from smart_logistics.lake.store import Lake, instant_literal
from smart_logistics.lake.tables import instant
from smart_logistics.silver import dead_letter, readings
from smart_logistics.silver.speed import with_speed_flags

PRODUCER = "bronze_ingest_iot"
TARGET = silver.IOT_TELEMETRY
# Flags change up to one neighbour away from a new reading, and depend on readings one neighbour further.
_REACH = timedelta(hours=2 * NEIGHBOUR_HOURS)
Keep = Callable[[DataFrame], DataFrame]


def run(ctx: Context) -> Mapping[str, object]:
    """Judge the new records; return how many there were, readings added, records rejected and flags changed.

    Then, where the run was asked to, make the readings again, see ``readings_again``.
    """
    lake = ctx.lake
    seen = lake.progress(TARGET)
    counts: Mapping[str, object] = {"read": 0, "rows": 0, "rejected": 0, "flags_changed": 0}
    kept: list[DataFrame] = []
    try:
        if lake.progress(bronze.IOT_TELEMETRY, PRODUCER) > seen:
            counts = _settle(ctx, seen, kept)
        if ctx.request.makes_again(silver.LAYER):
            counts = summed(counts, readings_again.run(ctx, kept))
        return counts
    finally:
        lake.forget(kept)


def _settle(ctx: Context, seen: int, kept: list[DataFrame]) -> Mapping[str, object]:
    lake, few = ctx.lake, small.are_few(ctx.lake.root, bronze.IOT_TELEMETRY, "_ingested_at", seen)
    with lake.settings_for(few=few):
        return _settled(ctx, seen, partial(lake.keep, kept=kept, few=few))


def _settled(ctx: Context, seen: int, keep: Keep) -> Mapping[str, object]:
    lake = ctx.lake
    stamp = lake.new_stamp()
    # To where Bronze is now: whatever is committed meanwhile, the same records come whenever they are read.
    until = instant(lake.progress(bronze.IOT_TELEMETRY, PRODUCER))
    new = [("_ingested_at", ">", instant(seen)), ("_ingested_at", "<=", until)]
    judged = readings.judged(lake.rows(bronze.IOT_TELEMETRY, [new]), ctx.setting("MAX_CLOCK_SKEW_MINUTES"))
    if lake.expects_few:
        judged = keep(judged)  # many are sooner judged twice than kept, and their extent needs no text
    read, dates = _extent(judged)
    held = _readings_of(lake, dates)
    judged = keep(readings.without_text(readings.without_repeats(judged, held)))
    reached("silver_iot.judged")
    rejected = _record(lake, judged, stamp, ctx.run_id)
    reached("silver_iot.recorded")
    _close_corrected(lake, judged, on_hand.corrected_since(lake.root, instant(seen)))
    changed, added = _flag_and_add(lake, readings.typed(judged), dates, stamp, keep)
    return {"read": read, "rows": added, "rejected": rejected, "flags_changed": changed}


def _extent(judged: DataFrame) -> tuple[int, list[date]]:
    """Return how many records there are, and the dates of the valid ones."""
    rows = judged.groupBy("reading_date").agg(
        F.count(F.lit(1)).alias("records"), F.bool_or(F.col(readings.VERDICT).isNull()).alias("has_valid")
    )
    found = rows.collect()
    return sum(row["records"] for row in found), sorted(row["reading_date"] for row in found if row["has_valid"])


def _readings_of(lake: Lake, dates: list[date]) -> DataFrame:
    # Literal dates: Delta prunes partitions by nothing less.
    return lake.rows(TARGET, [[("reading_date", "in", dates)]]) if dates else lake.nothing(TARGET)


def _record(lake: Lake, judged: DataFrame, stamp: int, run_id: str) -> int:
    recorded = lake.progress(REJECTED_RECORDS)
    failed = judged.filter(F.col(readings.VERDICT).isNotNull() & (F.col("_ingested_at") > instant_literal(recorded)))
    letters = dead_letter.of_readings(failed, run_id, instant_literal(stamp))
    return lake.append(REJECTED_RECORDS, letters, stamp, skip_empty=True)


def _close_corrected(lake: Lake, judged: DataFrame, corrected: list[str]) -> None:
    """Close the letters whose ``corrected`` records were judged: REPROCESSED where they are valid, else superseded."""
    if not corrected:
        return
    verdicts = (
        judged.select(dead_letter.corrected_record(F.col("source_file")).alias("record_id"), readings.VERDICT)
        .groupBy("record_id")
        .agg(F.bool_or(F.col(readings.VERDICT).isNull()).alias("_is_valid"))
    )
    letters = lake.rows(
        REJECTED_RECORDS,
        [[("source_table", "=", TARGET.name), ("record_id", "in", corrected), ("reprocessing_status", "in", OPEN)]],
    )
    closed = dead_letter.superseded(letters.join(verdicts, "record_id"), by_correction=F.col("_is_valid"))
    columns = ("record_id", "rejection_date", "reprocessing_status", "rejection_detail")
    lake.update(REJECTED_RECORDS, closed.select(*columns))


def _flag_and_add(lake: Lake, new: DataFrame, dates: list[date], stamp: int, keep: Keep) -> tuple[int, int]:
    """Flag the new readings and their neighbours; return flags changed in Silver and readings added."""
    around = sorted({day + timedelta(days=n) for day in dates for n in (-1, 0, 1)})
    trucks = new.groupBy("truck_id").agg(
        (F.min("event_ts") - F.lit(_REACH)).alias("_from"), (F.max("event_ts") + F.lit(_REACH)).alias("_to")
    )
    near = (
        _readings_of(lake, around)
        .join(trucks, "truck_id")
        .filter(F.col("event_ts").between(F.col("_from"), F.col("_to")))
        .drop("_from", "_to")
    )
    known = near.withColumn("_was", F.coalesce("outlier_reason", F.lit("")))
    both = known.unionByName(
        new.withColumns({"_was": F.lit(None).cast("string"), "_changed_at": instant_literal(stamp)})
    )
    is_new = F.col("_was").isNull()
    flagged = keep(with_speed_flags(both, is_new))
    # A reading at the edge of what was loaded lacks a neighbour here; only those beside a new one are judged again.
    changed = flagged.filter(
        ~is_new & F.col("_beside_new") & (F.col("_was") != F.coalesce("outlier_reason", F.lit("")))
    )
    changes = changed.select(
        *TARGET.key, "reading_date", "is_outlier", "outlier_reason", instant_literal(stamp).alias("_changed_at")
    )
    flags = lake.update(TARGET, changes)
    reached("silver_iot.flagged")
    added = lake.append(TARGET, flagged.filter(is_new).select(*TARGET.column_names), stamp)
    reached("silver_iot.added")
    return flags, added


if __name__ == "__main__":
    main(catalog.SILVER_IOT, run, producers=(PRODUCER,))
