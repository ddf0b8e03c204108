"""One source table's way from Bronze to Silver: judged, recorded, settled, in an order that survives a crash.

1. Rejections are appended to the dead letter (their own progress keeps a second attempt from recording them again).
2. Letters of which a newer version came are closed.
3. The Silver table is merged; this commit carries the progress, so until here everything is done again after a crash.
4. Orphans that found their parent become REPROCESSED, and that the orphans were looked at is committed. Orphans are
   looked at whenever a parent table moved since, so a crash before this heals in the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.bronze import REJECTED_RECORDS, SOURCE_DELETES
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.failpoints import reached
from smart_logistics.lake import small
from smart_logistics.lake.conditions import Condition
from smart_logistics.lake.store import Lake, instant_literal
from smart_logistics.lake.tables import instant
from smart_logistics.lake.waiting import Waiting
from smart_logistics.silver import dead_letter, latest, shipment_history
from smart_logistics.silver.latest import VERDICT

PRODUCER = "bronze_ingest_sql"
SILVER = silver.BY_SOURCE


@dataclass
class RowBatch:
    """The versions of one source table that this run judges, and what came of them."""

    lake: Lake
    source: SourceTable
    stamp: int
    run_id: str
    letters: Waiting
    read: int | None = 0
    rejected: int = 0
    changed: int = 0
    _kept: list[DataFrame] = field(default_factory=list)
    _judged: DataFrame | None = None
    _literals: Mapping[str, list[Any] | None] = field(default_factory=dict)

    @property
    def target(self) -> Table:
        """The Silver table."""
        return SILVER[self.source.name]

    @cached_property
    def since(self) -> int:
        """How far earlier runs came."""
        return self.lake.progress(self.target)

    @cached_property
    def has_new(self) -> bool:
        """Bronze has versions that no run has judged."""
        return self.lake.progress(bronze.EXTRACTED[self.source.name], PRODUCER) > self.since

    @property
    def has_gone(self) -> bool:
        """Keys were found gone that no run has looked at."""
        return self.letters.last_gone > self.since

    @property
    def has_news(self) -> bool:
        """Something came or went; where only orphans are looked at again in vain, nothing is to be committed."""
        return self.has_new or self.has_gone

    def retries_orphans(self) -> bool:
        """Whether orphans wait and a parent table moved since they were last looked at."""
        if not self.letters.orphans:
            return False
        looked_at = self.lake.progress(REJECTED_RECORDS, self._orphans_app)
        return any(self.lake.progress(SILVER[key.parent]) > looked_at for key in self.source.foreign_keys)

    @property
    def _orphans_app(self) -> str:
        return f"{self._app}.orphans"

    @property
    def _app(self) -> str:
        return f"{self.lake.job}.{self.source.name}"

    def keep(self, frame: DataFrame, *, beside: RowBatch | None = None) -> DataFrame:
        """Keep a frame that is read more than once until ``forget``."""
        few = self.is_small and (beside is None or beside.is_small)
        return self.lake.keep(frame, self._kept, few=few)

    @cached_property
    def is_small(self) -> bool:
        """The batch has so few rows that they are held here rather than in Spark's cache."""
        return self._new is not None and self._new + self.letters.orphans <= small.MOST_ROWS

    @cached_property
    def _new(self) -> int | None:
        """How many versions Bronze has behind ``since``, by its files' statistics; None where they do not say."""
        return small.rows_since(self.lake.root, bronze.EXTRACTED[self.source.name], "_ingested_at", self.since)

    def forget(self) -> None:
        """Free what was kept in memory."""
        self.lake.forget(self._kept)

    @property
    def judged(self) -> DataFrame:
        """The judged versions; ``judge`` comes first."""
        if self._judged is None:
            raise RuntimeError(f"{self.source.name}: judge() comes first")
        return self._judged

    # What is judged

    def _versions(self) -> DataFrame:
        table = bronze.EXTRACTED[self.source.name]
        since = instant(self.since)
        rows = self.lake.rows(table, [[("_ingested_at", ">", since), ("_ingestion_date", ">=", since.date())]])
        content = [name for name in rows.columns if not name.startswith("_")] + ["_rescued_data"]
        seen = F.max("_ingested_at").over(Window.partitionBy(self.source.key))
        return rows.select(
            *self.source.column_names,
            "_rescued_data",
            "_ingested_at",
            dead_letter.as_json(content).alias("_payload"),
            seen.alias("_seen_at"),
            F.lit(None).cast("string").alias("_record_id"),
            dead_letter.corrected_letter(F.col("_run_id")).alias("_corrects"),
        )

    def _orphans(self) -> DataFrame:
        # Whether a newer version of an orphan was rejected later is asked, too.
        since = self.letters.orphan_days[0]
        return dead_letter.orphans(self._letters([day for day in self.letters.days if day >= since]), self.source)

    def _letters(self, days: Sequence[date], also: Sequence[Condition] = ()) -> DataFrame:
        """Return the table's letters of some days, named literally: those of all days are the whole history."""
        return self.lake.rows(
            REJECTED_RECORDS,
            [[("rejection_date", "in", days), ("source_table", "=", self.source.name), *also]],
        )

    def judge(self, parents: Mapping[str, DataFrame] | None = None, *, orphans: bool = False) -> None:
        """Judge what is new, and with ``orphans`` those that wait.

        ``parents`` gives keys by foreign key column beside those that Silver has.
        """
        versions = self._versions()
        if orphans:
            versions = versions.unionByName(self._orphans())
        versions = self.keep(versions)
        self.read = None if self._new is None else self._new + (self.letters.orphans if orphans else 0)
        columns = [key.column for key in self.source.foreign_keys]
        self._literals = self.lake.literals(versions, [self.source.key, *columns])
        known = {
            key.column: self._parent_keys(key.parent, versions.select(key.column)) for key in self.source.foreign_keys
        }
        for column, keys in (parents or {}).items():
            known[column] = known[column].union(keys)
        self._judged = self.keep(latest.judged(versions, self.source, known))
        reached("silver_transactional.judged", self.source.name)

    def _parent_keys(self, parent: str, wanted: DataFrame) -> DataFrame:
        """Return those of the ``wanted`` keys (one column) that the Silver table ``parent`` holds, deleted ones too."""
        key = BY_NAME[parent].key
        return self.lake.lookup(SILVER[parent], key, wanted, known=self._literals[wanted.columns[0]]).select(key)

    # What is recorded

    def record(self) -> None:
        """Append the rejections, and close the letters of which a newer version came: corrected by hand or not."""
        recorded = self.lake.progress(REJECTED_RECORDS, self._app)
        fresh = self.judged.filter(F.col("_record_id").isNull() & (F.col("_ingested_at") > instant_literal(recorded)))
        letters = dead_letter.of_rows(fresh, self.source, self.run_id, self._now)
        self.rejected = self.lake.append(REJECTED_RECORDS, letters, self.stamp, app=self._app, skip_empty=True)
        reached("silver_transactional.rejected", self.source.name)
        if self.letters.open and self.has_new:
            self._close_superseded()
        reached("silver_transactional.recorded", self.source.name)

    def _close_superseded(self) -> None:
        newest = (
            self.judged.filter(F.col("_record_id").isNull() & F.col(self.source.key).isNotNull())
            .groupBy(F.col(self.source.key).cast("string").alias("_key"))
            .agg(
                F.max("_ingested_at").alias("_newest"),
                F.collect_set(F.when(F.col(VERDICT).isNull(), F.col("_corrects"))).alias("_corrected"),
            )
        )
        keys = self._literals[self.source.key]
        if keys == []:
            return
        of_keys: list[Condition] = [] if keys is None else [("source_key", "in", [str(key) for key in keys])]
        letters = self._letters(self.letters.open_days, of_keys).filter(
            dead_letter.is_open() & (F.col("source_key") != "")
        )
        old = letters.join(
            F.broadcast(newest),
            (F.col("source_key") == F.col("_key")) & (F.col("_ingested_at") < F.col("_newest")),
        )
        closed = dead_letter.superseded(old, by_correction=F.array_contains("_corrected", F.col("record_id")))
        self.lake.update(
            REJECTED_RECORDS, closed.select("record_id", "rejection_date", "reprocessing_status", "rejection_detail")
        )

    def _close_found(self) -> None:
        found = self.judged.filter(F.col("_record_id").isNotNull() & F.col(VERDICT).isNull())
        done = dead_letter.reprocessed(
            self._letters(self.letters.orphan_days).join(
                F.broadcast(found.select(F.col("_record_id").alias("record_id"))), "record_id", "left_semi"
            )
        )
        self.lake.update(REJECTED_RECORDS, done.select("record_id", "rejection_date", "reprocessing_status"))

    # What is settled

    @property
    def _now(self) -> Column:
        return instant_literal(self.stamp)

    def _gone(self, *, orphans: bool) -> DataFrame | None:
        """Return the keys found gone since the last run, in the key's own type (``source_key``, ``_gone_at``).

        With ``orphans`` those of the judged keys that were found gone earlier, too: an orphan may come in after its row
        went. Of other keys they say nothing any more: a later version, valid or not, may have ended what they say.
        """
        if not self.letters.last_gone or not (self.has_gone or orphans):
            return None
        where: list[list[Condition]] = [[("_ingested_at", ">", instant(self.since))]]
        keys = self._literals[self.source.key]
        if orphans and keys != []:
            where.append([] if keys is None else [("source_key", "in", [str(key) for key in keys])])
        rows = self.lake.rows(SOURCE_DELETES, [[("source_table", "=", self.source.name), *part] for part in where])
        type_ = next(c.type for c in self.source.columns if c.name == self.source.key)
        found = rows.select(F.col("source_key").cast(type_), F.col("_ingested_at").alias("_gone_at"))
        if not orphans:
            return found
        is_new = F.col("_gone_at") > instant_literal(self.since)
        judged = self.judged.select(F.col(self.source.key).alias("source_key")).distinct()
        earlier = found.filter(~is_new).join(judged, "source_key", "left_semi")
        return found.filter(is_new).unionByName(earlier)

    def settle(self, *, orphans: bool) -> DataFrame:
        """Return what Silver should hold for the touched keys (see ``latest.settled``)."""
        gone, key = self._gone(orphans=orphans), self.source.key
        if gone is None:
            existing = self.lake.lookup(self.target, key, self.judged.select(key), known=self._literals[key])
        else:
            touched = self.judged.select(key).union(gone.select("source_key"))
            existing = self.lake.lookup(self.target, key, touched)
        if self.source.name == silver.SHIPMENT_VERSIONS.name:
            existing = shipment_history.latest_rows(existing)
        return latest.settled(existing, self.judged, gone, self.source)

    def commit(self, *, orphans: bool = False) -> None:
        """Merge the settled rows into a table of latest versions."""
        changes = latest.differing(self.settle(orphans=orphans), self.target, self.source, self._now)
        self.changed = self.lake.merge(self.target, changes, self.stamp, advance=self.has_news)

    def run(self, parents: Mapping[str, DataFrame] | None = None, *, retry: bool = False) -> None:
        """Take a table of latest versions the whole way; nothing new, gone or to retry costs not one Spark action.

        With ``retry`` orphans are looked at although no parent table has moved yet: its rows are in ``parents``.
        """
        orphans = self.retries_orphans() or (retry and self.letters.orphans > 0)
        if not (self.has_news or orphans):
            return
        self.judge(parents, orphans=orphans)
        self.record()
        self.commit(orphans=orphans)
        self.finish(orphans=orphans)

    def finish(self, *, orphans: bool) -> None:
        """Close the letters of orphans that came in, and say that what waits was judged by the parents of now."""
        reached("silver_transactional.merged", self.source.name)
        if orphans:
            self._close_found()
            reached("silver_transactional.closed", self.source.name)
        if orphans or self.rejected:
            self.lake.advance(REJECTED_RECORDS, self.stamp, app=self._orphans_app)
        reached("silver_transactional.finished", self.source.name)
