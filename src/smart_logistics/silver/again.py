"""Silver made again: which of all that ever came counts, and what is new about the letters of the rest."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.silver import dead_letter

_KEY, _AT = "_of_key", "_of_time"


def _named(letters: DataFrame) -> DataFrame:
    return letters.select(F.col("source_key").alias(_KEY), F.col("_ingested_at").alias(_AT)).distinct()


def _same(key: Column) -> Column:
    return (key == F.col(_KEY)) & (F.col("_ingested_at") == F.col(_AT))


def without_withdrawn(versions: DataFrame, key: Column, letters: DataFrame, corrected: Sequence[str] = ()) -> DataFrame:
    """Return ``versions`` without those that a person took out of the game.

    Args:
        versions: of one table; ``key`` is what their letters call ``source_key``, with ``_ingested_at``.
        key: the key as text.
        letters: those of the table.
        corrected: letters whose corrected record came as one of its own, and counts in the place of the first.
    """
    by_hand = dead_letter.is_discarded() & ~dead_letter.was_superseded()
    withdrawn = _named(letters.filter(by_hand | F.col("record_id").isin(list(corrected))))
    return versions.join(withdrawn, _same(key), "left_anti")


def unrecorded(new: DataFrame, letters: DataFrame) -> DataFrame:
    """Return those of the ``new`` letters whose version has none among ``letters``, whatever became of that."""
    there = _named(letters)
    return new.join(there, _same(F.col("source_key")), "left_anti")


def turned(letters: DataFrame, judged: DataFrame, key: Column, is_valid: Column) -> DataFrame:
    """Return those of ``letters`` that no longer say what is so, as they should be.

    An open one whose version ``is_valid`` now is closed; one that was closed so before, and whose version is not, is
    open again. ``judged`` are the versions with their verdict, ``key`` their key as text.
    """
    of_version = judged.groupBy(key.alias(_KEY), F.col("_ingested_at").alias(_AT)).agg(
        # A key may come twice in one extraction: the letter may be that of either.
        F.bool_and(is_valid).alias("_is_valid")
    )
    found = letters.join(of_version, _same(F.col("source_key")))
    valid = dead_letter.valid_again(found.filter(F.col("_is_valid") & dead_letter.is_open()))
    invalid = dead_letter.rejected_again(found.filter(~F.col("_is_valid") & ~dead_letter.stands()))
    return valid.unionByName(invalid).select("record_id", "rejection_date", "reprocessing_status", "rejection_detail")
