"""Readings made again from all that Bronze holds, or from some days of it, and merged where Silver differs.

1. letters of records that are rejected now and have none,
2. letters closed whose records are valid now, and opened where they no longer are,
3. the readings.

Killed anywhere and asked again, the same records give the same: what is there is neither recorded nor merged again. On
a sound lakehouse under the rules of before there is nothing to write.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.deadletters import held as on_hand
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import at_hand
from smart_logistics.lake.changes import difference
from smart_logistics.lake.operations import OPERATION
from smart_logistics.lake.store import Lake, instant_literal
from smart_logistics.lake.tables import instant
from smart_logistics.silver import again, dead_letter, readings
from smart_logistics.silver.speed import with_speed_flags

TARGET = silver.IOT_TELEMETRY
# A flag depends on neighbours of hours: those of the days beside the window may change with it, by what lies beyond.
_CHANGED_BESIDE, _READ_BESIDE = 1, 2


def run(ctx: Context, kept: list[DataFrame]) -> Mapping[str, object]:
    """Make them again; return readings changed, records rejected, and letters closed or opened.

    What must be freed is added to ``kept``.
    """
    lake, request = ctx.lake, ctx.request
    stamp, judged_until = lake.new_stamp(), instant(lake.progress(TARGET))
    records = lake.rows(
        bronze.IOT_TELEMETRY,
        [[("_ingested_at", "<=", judged_until), *request.days("reading_date", beside=_READ_BESIDE)]],
    )
    letters = lake.keep(_letters(lake), kept, few=False)
    key = dead_letter.reading_key()
    competing = again.without_withdrawn(
        readings.judged(records, ctx.setting("MAX_CLOCK_SKEW_MINUTES")),
        key,
        letters,
        on_hand.corrected_since(lake.root, instant(0)),
    )
    judged = lake.keep(readings.without_repeats(competing, lake.nothing(TARGET)), kept, few=False)
    is_valid = F.col(readings.VERDICT).isNull()
    rejected = dead_letter.of_readings(judged.filter(~is_valid), ctx.run_id, instant_literal(stamp))
    recorded = lake.append(
        REJECTED_RECORDS, again.unrecorded(rejected, letters), stamp, app=f"{lake.job}.again", skip_empty=True
    )
    turned = lake.update(REJECTED_RECORDS, again.turned(letters, judged, key, is_valid))
    changed = _merge(ctx, with_speed_flags(readings.typed(judged)), stamp, kept)
    return {"rows_again": changed, "rejected_again": recorded, "letters_turned": turned}


def _letters(lake: Lake) -> DataFrame:
    return lake.rows(REJECTED_RECORDS, [[("source_table", "=", TARGET.name), ("layer", "=", silver.LAYER)]])


def _merge(ctx: Context, wanted: DataFrame, stamp: int, kept: list[DataFrame]) -> int:
    lake, days = ctx.lake, ctx.request.days("reading_date", beside=_CHANGED_BESIDE)
    held = lake.keep(lake.rows(TARGET, [days] if days else []), kept, few=False)
    if days:
        wanted = wanted.filter(at_hand.as_column([days]))
    compared = [name for name in TARGET.column_names if name != "_changed_at"]
    changes = difference(held, wanted, TARGET.key, compared, delete=True)
    changes = changes.withColumn("_changed_at", instant_literal(stamp)).select(*TARGET.column_names, OPERATION)
    return lake.merge(TARGET, changes, stamp, partitions=held, advance=False)
