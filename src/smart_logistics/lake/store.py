"""Reading and writing Delta tables with Spark: SQL and DataFrames only, so that it runs on Spark Connect as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Table
from smart_logistics.lake import locks, tables
from smart_logistics.lake.changes import DELETE, OPERATION

_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# More keys than this are looked up by their range alone.
_MOST_LITERAL_KEYS = 2000
_VIEW = "_changes_to_merge"


def instant(stamp: int) -> datetime:
    """Return the UTC instant of a stamp (microseconds since 1970)."""
    return _EPOCH + timedelta(microseconds=stamp)


def instant_literal(stamp: int) -> Column:
    """Return the stamp as a literal of type timestamp, which Delta can compare with file statistics."""
    return F.lit(instant(stamp))


def quoted(text: str) -> str:
    """Return ``text`` as a SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def sql_literal(value: Any) -> str:
    """Return a str, int or date as a SQL literal."""
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    return str(value) if isinstance(value, int) else quoted(str(value))


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep a frame that is read twice."""
    kept = frame.persist()
    try:
        yield kept
    finally:
        kept.unpersist()


def _assignments(columns: Sequence[str]) -> str:
    return ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)


@dataclass
class Lake:
    """The lakehouse as one job sees it. ``job`` names the job in locks and in the progress of the tables it writes."""

    spark: SparkSession
    root: str
    job: str

    @contextmanager
    def alone(self, *, producers: Sequence[str] = ()) -> Iterator[None]:
        """Hold this job's lock, so that it runs once at a time, and keep its producers from running meanwhile."""
        with ExitStack() as held:
            if tables.is_local(self.root):
                for producer in producers:
                    held.enter_context(locks.hold(self._lock(f"job.{producer}"), shared=True))
                held.enter_context(locks.hold(self._lock(f"job.{self.job}")))
            yield

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Hold the lock of one table while it is written. Never nested: one table at a time."""
        if not tables.is_local(self.root):
            yield
            return
        with locks.hold(self._lock(table.full_name)):
            yield
            tables.fsync_log(self.root, table)

    def _lock(self, name: str) -> Path:
        return Path(self.root) / "_locks" / f"{name}.lock"

    # Progress

    def progress(self, table: Table, app: str | None = None) -> int:
        """Return the stamp of the last commit of ``app`` (by default this job) in ``table``; 0 where there is none."""
        return tables.progress(self.root, table, app or self.job)

    def new_stamp(self) -> int:
        """Return a stamp later than every commit of the lakehouse."""
        return tables.new_stamp(tables.all_progress(self.root))

    # Reading

    def path(self, table: Table) -> str:
        """Return the table's location."""
        return f"{self.root}/{table.layer}/{table.name}"

    def identifier(self, table: Table) -> str:
        """Return the table as it is named in SQL."""
        return f"delta.`{self.path(table).replace('`', '``')}`"

    def read(self, table: Table) -> DataFrame:
        """Return the table, created empty where it did not exist."""
        tables.ensure(self.root, table)
        return self.spark.read.format("delta").load(self.path(table))

    def since(self, table: Table, stamp: int, *, column: str = "_changed_at") -> DataFrame:
        """Return the rows whose ``column`` is later than ``stamp``; file statistics leave out the older files."""
        return self.read(table).filter(F.col(column) > instant_literal(stamp))

    def lookup(self, table: Table, column: str, keys: DataFrame) -> DataFrame:
        """Return the rows whose ``column`` is among ``keys`` (one column, any name), naming them literally to skip files."""
        (key,) = keys.columns
        keys = keys.filter(F.col(key).isNotNull()).distinct()
        found = [row[0] for row in keys.limit(_MOST_LITERAL_KEYS + 1).collect()]
        frame = self.read(table)
        if not found:
            return frame.filter(F.lit(False))
        if len(found) <= _MOST_LITERAL_KEYS:
            return frame.filter(F.col(column).between(min(found), max(found)) & F.col(column).isin(found))
        low, high = keys.agg(F.min(key), F.max(key)).first() or (None, None)
        wanted = keys.withColumnRenamed(key, "_wanted")
        return frame.filter(F.col(column).between(low, high)).join(
            wanted, F.col(column) == F.col("_wanted"), "left_semi"
        )

    # Writing

    def append(
        self, table: Table, rows: DataFrame, stamp: int, *, app: str | None = None, evolve: bool = False
    ) -> None:
        """Append ``rows`` and this job's progress in one commit; a replay with the same or an older stamp is a no-op.

        With ``evolve`` columns that the table does not have yet are added to it.
        """
        tables.ensure(self.root, table)
        with self.writing(table):
            (
                rows.write.format("delta")
                .mode("append")
                .option("mergeSchema", str(evolve).lower())
                .option("txnAppId", app or self.job)
                .option("txnVersion", str(stamp))
                .save(self.path(table))
            )

    def merge(
        self,
        table: Table,
        changes: DataFrame,
        stamp: int,
        *,
        app: str | None = None,
        partitions: DataFrame | None = None,
    ) -> int:
        """Apply ``changes`` (see ``changes.difference``) by the table's key and return how many rows that were.

        The commit carries this job's progress. Idempotent: the same changes again change nothing. What is concerned is
        named literally (partitions, or else the range of the key), without which a MERGE reads the whole history;
        ``partitions`` holds further partitions in which the keys may lie until now.
        """
        tables.ensure(self.root, table)
        with _kept(changes) as kept:
            count, predicate = self._concerned(table, kept, partitions)
            if count:
                columns = [c.name for c in table.columns if c.name in kept.columns]
                names, values = ", ".join(f"`{n}`" for n in columns), ", ".join(f"s.`{n}`" for n in columns)
                with self.writing(table), self._transaction(app or self.job, stamp):
                    self._merge(
                        table,
                        kept,
                        predicate,
                        f"WHEN MATCHED AND s.{OPERATION} = '{DELETE}' THEN DELETE WHEN MATCHED THEN UPDATE SET "
                        f"{_assignments(columns)} WHEN NOT MATCHED AND s.{OPERATION} <> '{DELETE}' "
                        f"THEN INSERT ({names}) VALUES ({values})",
                    )
        if self.progress(table, app) < stamp:
            # Nothing differed, and Delta made no commit: say that we came this far.
            self.append(table, self.read(table).limit(0), stamp, app=app)
        return count

    def update(self, table: Table, changes: DataFrame) -> int:
        """Set the columns of ``changes`` in the rows of their key (and partition); return how many rows that were."""
        with _kept(changes) as kept:
            count, predicate = self._concerned(table, kept, None)
            columns = [c.name for c in table.columns if c.name in kept.columns]
            if count:
                with self.writing(table):
                    self._merge(table, kept, predicate, f"WHEN MATCHED THEN UPDATE SET {_assignments(columns)}")
        return count

    def _merge(self, table: Table, source: DataFrame, predicate: list[str], clauses: str) -> None:
        source.createOrReplaceTempView(_VIEW)
        on = " AND ".join([f"t.`{key}` <=> s.`{key}`" for key in table.key] + predicate)
        self.spark.sql(f"MERGE INTO {self.identifier(table)} t USING {_VIEW} s ON {on} {clauses}")

    def _concerned(self, table: Table, changes: DataFrame, partitions: DataFrame | None) -> tuple[int, list[str]]:
        """Return the number of changes, and literal predicates on the target for what they concern."""
        key = table.key[0]
        sets = [F.collect_set(name).alias(name) for name in table.partitions]
        row = changes.agg(
            F.count(F.lit(1)).alias("_n"), F.min(key).alias("_low"), F.max(key).alias("_high"), *sets
        ).first()
        if row is None or not row["_n"]:
            return 0, []
        if not table.partitions:
            return row["_n"], [f"t.`{key}` BETWEEN {sql_literal(row['_low'])} AND {sql_literal(row['_high'])}"]
        named = {name: set(row[name]) for name in table.partitions}
        for other in partitions.select(*table.partitions).distinct().collect() if partitions is not None else ():
            for name in table.partitions:
                named[name].add(other[name])
        return row["_n"], [f"t.`{n}` IN ({', '.join(map(sql_literal, sorted(named[n])))})" for n in table.partitions]

    @contextmanager
    def _transaction(self, app: str, stamp: int) -> Iterator[None]:
        self.spark.conf.set(_TXN_APP, app)
        self.spark.conf.set(_TXN_VERSION, str(stamp))
        try:
            yield
        finally:
            # They stick to the session: the next write of another table would be taken for this one's replay.
            self.spark.conf.unset(_TXN_APP)
            self.spark.conf.unset(_TXN_VERSION)
