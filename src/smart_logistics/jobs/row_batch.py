"""One source table's way from Bronze to Silver: what is new is judged, recorded and settled, in an order that survives a crash.

1. Rejections are appended to the dead letter (their own progress keeps a second attempt from recording them again).
2. Letters of which a newer version came are closed.
3. The Silver table is merged; this commit carries the progress, so until here everything is done again after a crash.
4. Orphans that found their parent become REPROCESSED; they are retried by every run, so a crash before this heals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.bronze import REJECTED_RECORDS, SOURCE_DELETES
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.lake.changes import OPERATION, difference
from smart_logistics.lake.store import Lake, instant, instant_literal
from smart_logistics.lake.waiting import waiting
from smart_logistics.silver import dead_letter
from smart_logistics.silver.latest import VERDICT, judged, settled, with_former_shipments

PRODUCER = "bronze_ingest_sql"
SILVER = {**silver.LATEST, silver.EVENTS.name: silver.EVENTS, silver.SHIPMENT_VERSIONS.name: silver.SHIPMENT_VERSIONS}


def parent_keys(lake: Lake, parent: str, wanted: DataFrame) -> DataFrame:
    """Return those of the ``wanted`` keys (one column) that the Silver table ``parent`` holds, deleted ones too."""
    key = BY_NAME[parent].key
    return lake.lookup(SILVER[parent], key, wanted).select(key)


@dataclass
class RowBatch:
    """The versions of one source table that this run judges, and what came of them."""

    lake: Lake
    source: SourceTable
    target: Table
    stamp: int
    run_id: str
    rejected: int = 0
    changed: int = 0

    def __post_init__(self) -> None:
        self._letters = waiting(self.lake.root, self.source.name)
        self._since = self.lake.progress(self.target)
        self._has_new = self.lake.progress(bronze.EXTRACTED[self.source.name], PRODUCER) > self._since
        self._app = f"{self.lake.job}.{self.source.name}"
        self.judged: DataFrame | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing new, nothing gone, no orphan that waits: not one Spark action is needed."""
        return not (self._has_new or self._letters.orphans or self._gone_is_new)

    @property
    def _gone_is_new(self) -> bool:
        return self._letters.last_gone > self._since

    # What is judged

    def _versions(self) -> DataFrame:
        table = bronze.EXTRACTED[self.source.name]
        day = F.lit(instant(self._since).date())
        rows = self.lake.since(table, self._since, column="_ingested_at").filter(F.col("_ingestion_date") >= day)
        content = [name for name in rows.columns if not name.startswith("_")] + ["_rescued_data"]
        newer = F.col("_ingested_at") < F.max("_ingested_at").over(Window.partitionBy(self.source.key))
        return rows.select(
            *self.source.column_names,
            "_rescued_data",
            "_ingested_at",
            dead_letter.as_json(content).alias("_payload"),
            (newer & F.col(self.source.key).isNotNull()).alias("_newer"),
            F.lit(None).cast("string").alias("_record_id"),
            F.lit(None).cast("string").alias("_status"),
        )

    def _orphans(self) -> DataFrame:
        letters = self.lake.read(REJECTED_RECORDS).filter(
            (F.col("source_table") == self.source.name) & dead_letter.may_find_its_parent()
        )
        rows = dead_letter.from_payload(letters, self.source)
        return rows.withColumns({"_payload": F.lit(None).cast("string"), "_newer": F.lit(False)})

    def judge(self, parents: Mapping[str, DataFrame] | None = None) -> None:
        """Judge what is new and the orphans that wait. ``parents`` gives keys by foreign key column where Silver has not all."""
        versions = self._versions()
        if self._letters.orphans:
            versions = versions.unionByName(self._orphans())
        versions = versions.persist()
        known = {
            key.column: (parents or {}).get(key.column)
            or parent_keys(self.lake, key.parent, versions.select(key.column))
            for key in self.source.foreign_keys
        }
        self.judged = judged(versions, self.source, known).persist()

    # What is recorded

    def record(self) -> None:
        """Append the rejections, and close the letters of which a newer version came."""
        judged_rows = self._judged
        recorded = self.lake.progress(REJECTED_RECORDS, self._app)
        at = instant_literal(self.stamp)
        fresh = judged_rows.filter(F.col("_record_id").isNull() & (F.col("_ingested_at") > instant_literal(recorded)))
        self.rejected = fresh.filter(F.col(VERDICT).isNotNull()).count()
        if self.rejected:
            letters = dead_letter.of_rows(fresh, self.source, self.run_id, at)
            self.lake.append(REJECTED_RECORDS, letters, self.stamp, app=self._app)
        if self._letters.open and self._has_new:
            self._close_superseded()

    def _close_superseded(self) -> None:
        newest = (
            self._judged.filter(F.col("_record_id").isNull() & F.col(self.source.key).isNotNull())
            .groupBy(F.col(self.source.key).cast("string").alias("_key"))
            .agg(F.max("_ingested_at").alias("_newest"))
        )
        letters = self.lake.read(REJECTED_RECORDS).filter(
            (F.col("source_table") == self.source.name) & dead_letter.is_open() & (F.col("source_key") != "")
        )
        old = letters.join(
            F.broadcast(newest),
            (F.col("source_key") == F.col("_key")) & (F.col("_ingested_at") < F.col("_newest")),
            "left_semi",
        )
        closed = dead_letter.superseded(old)
        self.lake.update(
            REJECTED_RECORDS, closed.select("record_id", "rejection_date", "reprocessing_status", "rejection_detail")
        )

    # What is settled

    def gone(self) -> DataFrame:
        """Return the keys found gone since the last run, in the key's own type (``source_key``, ``_gone_at``)."""
        type_ = next(c.type for c in self.source.columns if c.name == self.source.key)
        rows = self.lake.since(SOURCE_DELETES, self._since, column="_ingested_at")
        return rows.filter(F.col("source_table") == self.source.name).select(
            F.col("source_key").cast(type_), F.col("_ingested_at").alias("_gone_at")
        )

    def touched(self) -> DataFrame:
        """Return the keys that this batch may change."""
        return self._judged.select(self.source.key).union(self.gone().select("source_key"))

    def settle(self, existing: DataFrame) -> DataFrame:
        """Return what Silver should hold for the touched keys; ``existing`` are their rows of now."""
        return settled(existing, self._judged, self.gone(), self.source)

    def commit(self) -> None:
        """Merge the settled rows into a table of latest versions."""
        existing = self.lake.lookup(self.target, self.source.key, self.touched())
        wanted = self.settle(existing)
        if "_former_shipment_ids" in self._names:
            wanted = with_former_shipments(wanted, existing)
        compared = [name for name in self._names if name != "_changed_at"]
        changes = difference(existing, wanted, self.target.key, compared).withColumn(
            "_changed_at", instant_literal(self.stamp)
        )
        self.changed = self.lake.merge(self.target, changes.select(*self._names, OPERATION), self.stamp)

    def close_found(self, settled_rows: DataFrame) -> None:
        """Mark the letters of orphans that are in Silver now; ``settled_rows`` are Silver's rows of the touched keys."""
        if not self._letters.orphans:
            return
        held = settled_rows.select(
            F.col(self.source.key).alias("_key"), F.col("_ingested_at").alias("_held_at")
        ).distinct()
        found = (
            self._judged.filter(F.col("_record_id").isNotNull() & F.col(VERDICT).isNull())
            .join(held, F.col(self.source.key) == F.col("_key"))
            .filter(F.col("_ingested_at") >= F.col("_held_at"))
            .select(F.col("_record_id").alias("record_id"))
        )
        letters = self.lake.read(REJECTED_RECORDS).filter(F.col("source_table") == self.source.name)
        done = dead_letter.reprocessed(letters.join(F.broadcast(found), "record_id", "left_semi"))
        self.lake.update(REJECTED_RECORDS, done.select("record_id", "rejection_date", "reprocessing_status"))

    def run(self, parents: Mapping[str, DataFrame] | None = None) -> None:
        """Take a table of latest versions the whole way."""
        if self.is_idle:
            return
        self.judge(parents)
        self.record()
        self.commit()
        self.close_found(self.lake.lookup(self.target, self.source.key, self.touched()))

    @property
    def _judged(self) -> DataFrame:
        if self.judged is None:
            raise RuntimeError(f"{self.source.name}: judge() comes first")
        return self.judged

    @property
    def _names(self) -> tuple[str, ...]:
        return self.target.column_names
