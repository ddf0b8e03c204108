"""Which rows of an extraction are versions that Bronze does not hold yet, and which of its keys are gone."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

IS_NEW = "_is_new"
IS_GONE = "_is_gone"
_GONE_AT = "_gone_at"


def with_lineage(rows: DataFrame, at: datetime, run_id: str) -> DataFrame:
    """Add where the rows came from: the batch stamp, its day, and the run."""
    return rows.withColumns(
        {
            "_ingested_at": F.lit(at),
            "_run_id": F.lit(run_id),
            "_ingestion_date": F.lit(at.date()),
        }
    )


def marked_new(rows: DataFrame, held: DataFrame, gone: DataFrame | None, key: str) -> DataFrame:
    """Add ``_is_new``: whether a row differs from the latest version of its key.

    Args:
        rows: what the source has now; every column is content.
        held: versions that Bronze holds of these keys (content, ``_ingested_at``); a column that it lacks is null.
        gone: keys found gone earlier (``key``, ``_gone_at``), if any: one that came back is new, whatever its content.
        key: name of the key column.

    Where a key is null no version is later than another, so any equal row in Bronze will do. Where a key repeats, its
    rows are one version together: as long as the latest of them is among ``rows``, the others are not new either.
    """
    content = rows.columns
    types = dict(rows.dtypes)
    present = set(held.columns)
    known_content = [(F.col(c) if c in present else F.lit(None)).cast(types[c]).alias(c) for c in content]
    newest = F.max("_ingested_at").over(Window.partitionBy(key))
    known = (
        _with_gone_at(held.select(*known_content, "_ingested_at"), gone, key)
        .withColumn("_newest", F.col("_ingested_at") == newest)
        .withColumn("_newest", F.col("_newest") & ~_is_later(_GONE_AT, "_ingested_at"))
        .groupBy(*(F.col(c).alias(f"_held_{at}") for at, c in enumerate(content)))
        .agg(F.max("_newest").alias("_newest"))
    )
    alike = [F.col(c).eqNullSafe(F.col(f"_held_{at}")) for at, c in enumerate(content)]
    is_latest = F.coalesce("_newest", F.lit(False))
    stays = F.col(key).isNull() | F.max(is_latest).over(Window.partitionBy(key))
    known_row = is_latest | (F.col("_newest").isNotNull() & stays)
    return rows.join(known, alike, "left").withColumn(IS_NEW, ~known_row).select(*content, IS_NEW)


def _with_gone_at(rows: DataFrame, gone: DataFrame | None, key: str) -> DataFrame:
    """Add when each key was last found gone, null where never."""
    if gone is None:
        return rows.withColumn(_GONE_AT, F.lit(None).cast("timestamp"))
    lost = gone.groupBy(F.col(key).alias("_lost_key")).agg(F.max(_GONE_AT).alias(_GONE_AT))
    return rows.join(lost, F.col(key) == F.col("_lost_key"), "left").drop("_lost_key")


def _is_later(moment: str, than: str) -> Column:
    return F.coalesce(F.col(moment) > F.col(than), F.lit(False))


def marked_gone(versions: DataFrame, gone: DataFrame | None, source: DataFrame, key: str) -> DataFrame:
    """Return the live keys of Bronze as text (``source_key``) and whether the source has them no more (``_is_gone``).

    ``versions`` are Bronze's (``key``, ``_ingested_at``); live is a key whose latest version came after it was last
    found gone. ``gone`` holds (``key``, ``_gone_at``), ``source`` the keys of now; null keys count nowhere.
    """
    seen = versions.filter(F.col(key).isNotNull()).groupBy(key).agg(F.max("_ingested_at").alias("_seen_at"))
    live = _with_gone_at(seen, gone, key).filter(~_is_later(_GONE_AT, "_seen_at"))
    there = source.select(F.col(key).alias("_there")).distinct()
    return live.join(there, F.col(key) == F.col("_there"), "left").select(
        F.col(key).cast("string").alias("source_key"), F.col("_there").isNull().alias(IS_GONE)
    )


def too_many_gone(gone: int, live: int, most_percent: int, handful: int) -> bool:
    """Return whether more keys are gone at once than a business loses; a ``handful`` is never too many."""
    return gone > handful and gone * 100 > most_percent * live
