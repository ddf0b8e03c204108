"""One source table's part of an extraction: what may be new is read, compared with Bronze, and appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.bronze import versions
from smart_logistics.bronze.fences import BronzeTable, Kept
from smart_logistics.contracts.bronze import EXTRACTED, SOURCE_DELETES
from smart_logistics.contracts.source import SourceTable
from smart_logistics.errors import SourceUnavailable
from smart_logistics.failpoints import reached
from smart_logistics.lake import small
from smart_logistics.lake.conditions import Condition
from smart_logistics.lake.reading import among
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant
from smart_logistics.sources import fence, jdbc
from smart_logistics.sources.columns import Selected
from smart_logistics.sources.postgres import Extent, Relation, SnapshotConnection

EVERYTHING = "true"
_MOST_LITERAL_KEYS = 2000
_NO_KEYS = Extent(0, 0, None, None)


@dataclass
class RowExtraction:
    """A source table under one snapshot, and the Bronze table beside it."""

    lake: Lake
    connection: SnapshotConnection
    source: SourceTable
    relation: Relation
    bronze: BronzeTable
    selected: Sequence[Selected]
    kept: Kept | None
    stamp: int
    run_id: str
    extent: Extent = field(default=_NO_KEYS, init=False)
    taken: int = field(default=0, init=False)

    @cached_property
    def why_full(self) -> str | None:
        """Why the table is read in full; None where the rows behind the fence are enough."""
        last = self.kept.fence if self.kept else None
        if last is not None and (last.bronze_id != self.bronze.id or self.bronze.stamp < last.bronze_stamp):
            return "Bronze is not the table that was written before"
        if last is not None and not self.relation.is_plain:
            return "it is no plain table, whose rows would say which transaction wrote them"
        now = self.connection.snapshot
        return fence.why_full(last, now, relation=self.relation.oid, columns=self.relation.fingerprint)

    @property
    def predicate(self) -> str:
        """SQL for the rows that may be new."""
        if self.why_full or self.kept is None:
            return EVERYTHING
        return fence.new_rows(self.kept.fence, self.connection.snapshot)

    @cached_property
    def fence(self) -> fence.Fence:
        """What the next extraction starts from, once this one is in Bronze."""
        now = self.connection.snapshot
        return fence.Fence(
            now.system_identifier,
            now.timeline,
            now.lsn,
            now.xmin,
            now.xmax,
            self.relation.oid,
            self.relation.fingerprint,
            self.bronze.id,
            self.stamp if self.taken else self.bronze.stamp,
        )

    @property
    def is_small(self) -> bool:
        """Whether so few rows may be new that they are held here rather than in Spark's cache; ``look`` comes first."""
        return self.extent.rows <= small.MOST_ROWS

    @property
    def _key(self) -> Selected:
        return next(column for column in self.selected if column.name == self.source.key)

    def look(self) -> Extent:
        """Ask how many rows may be new; where no transaction wrote since, not even that."""
        unchanged = not self.why_full and self.kept and fence.is_still(self.kept.fence, self.connection.snapshot)
        if not unchanged:
            self.extent = self.connection.extent(self.relation, self._key.sql, self._key.type, self.predicate)
        return self.extent

    def take(self) -> int:
        """Append the versions that Bronze does not hold yet and return how many; without one there is no commit.

        Idempotent by content: after a crash the same rows are read again and found in Bronze.
        """
        if not self.extent.rows:
            return 0
        rows = jdbc.read(
            self.lake.spark, self.connection, self.relation, self.selected, self.predicate, rows=self.extent.rows
        )
        self.taken = self._take_first(rows) if not self.bronze.stamp else self._take_new(rows)
        reached("bronze_ingest_sql.taken", self.source.name)
        return self.taken

    def _take_first(self, rows: DataFrame) -> int:
        self._compare_with_fence(self._append(rows, self.extent.rows))
        return self.extent.rows

    def _take_new(self, rows: DataFrame) -> int:
        kept: list[DataFrame] = []
        marked = self.lake.keep(
            versions.marked_new(rows, self._held(), self.gone_before(), self.source.key), kept, few=self.is_small
        )
        try:
            row = marked.agg(F.count(F.lit(1)), F.count_if(versions.IS_NEW)).first()
            read, new = (row[0], row[1]) if row else (0, 0)
            self._compare_with_fence(read)
            if new:
                self._append(marked.filter(versions.IS_NEW).drop(versions.IS_NEW), new)
        finally:
            self.lake.forget(kept)
        return int(new)

    def _compare_with_fence(self, read: int) -> None:
        if read != self.extent.rows:
            raise SourceUnavailable(
                f"{self.source.name}: {read} rows came of the {self.extent.rows} that the snapshot holds",
                remedy="the next run reads them again; a pooler between us and the server breaks snapshots",
            )

    def _append(self, rows: DataFrame, expected: int) -> int:
        complete = versions.with_lineage(rows, instant(self.stamp), self.run_id)
        grown = any(column.name not in self.bronze.types for column in self.selected)
        many = expected > small.MOST_ROWS
        return self.lake.append(EXTRACTED[self.source.name], complete, self.stamp, evolve=grown, many=many)

    def _held(self) -> DataFrame:
        """Return Bronze's versions of the keys that were read, naming them literally to skip files."""
        extent = self.extent
        keys: list[object] = []
        if extent.rows <= _MOST_LITERAL_KEYS:
            keys = self.connection.keys(self.relation, self._key.sql, self.predicate, _MOST_LITERAL_KEYS)
        key, where = self.source.key, []
        if extent.low is not None:
            between: list[Condition] = [(key, ">=", extent.low), (key, "<=", extent.high)]
            where.append(among(key, keys) if keys else between)
        if extent.keyless:
            where.append([(key, "null", None)])
        return self.lake.rows(EXTRACTED[self.source.name], where or [[(key, "in", [])]])

    def gone_before(self) -> DataFrame | None:
        """Return the keys that earlier extractions found gone, in the key's type, with ``_gone_at``; None: none yet."""
        if not self.lake.progress(SOURCE_DELETES):
            return None
        facts = self.lake.rows(SOURCE_DELETES, [[("source_table", "=", self.source.name)]])
        return facts.select(
            F.col("source_key").cast(self._key.type).alias(self.source.key), F.col("_ingested_at").alias("_gone_at")
        )

    def live_keys(self) -> DataFrame:
        """Return the live keys of Bronze (``source_table``, ``source_key``) and whether the source has them no more."""
        read = self.lake.read(EXTRACTED[self.source.name]).select(self.source.key, "_ingested_at")
        there = jdbc.read(
            self.lake.spark, self.connection, self.relation, [self._key], EVERYTHING, rows=self.relation.estimated_rows
        )
        marked = versions.marked_gone(read, self.gone_before(), there, self.source.key)
        return marked.select(F.lit(self.source.name).alias("source_table"), "source_key", versions.IS_GONE)
