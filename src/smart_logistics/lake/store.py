"""The lakehouse as a job writes it: SQL and DataFrames only, so that it runs on Spark Connect as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Table
from smart_logistics.lake import locks, small, tables
from smart_logistics.lake.operations import DELETE, INSERT, OPERATION
from smart_logistics.lake.reading import Reader, instant_literal, sql_literal
from smart_logistics.lake.session import need_driver

__all__ = ["Lake", "instant_literal", "sql_literal"]

_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"
_VIEW = "_changes_to_merge"


def _assignments(columns: Sequence[str]) -> str:
    return ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)


def _clauses(columns: Sequence[str]) -> str:
    names, values = ", ".join(f"`{n}`" for n in columns), ", ".join(f"s.`{n}`" for n in columns)
    is_deletion = f"s.{OPERATION} = '{DELETE}'"
    insertion = " ".join(("INSERT", f"({names})", "VALUES", f"({values})"))
    update = f"WHEN MATCHED THEN UPDATE SET {_assignments(columns)}"
    return (
        f"WHEN MATCHED AND {is_deletion} THEN DELETE {update} WHEN NOT MATCHED AND NOT {is_deletion} THEN {insertion}"
    )


def _is_instant(table: Table) -> bool:
    return table.column(table.range_column).type == "timestamp"


def _bound(table: Table, end: Column) -> Column:
    """Return an end of the range as something that reaches this process unchanged."""
    return F.unix_micros(end) if _is_instant(table) else end


def _bound_literal(table: Table, end: Any) -> str:
    return f"timestamp_micros({end})" if _is_instant(table) else sql_literal(end)


@dataclass(frozen=True)
class _Concerned:
    """How many rows change, how many of them are new, and literal predicates on the target for where they lie."""

    rows: int
    inserts: int
    predicate: list[str]


class Lake(Reader):
    """The lakehouse as one job sees it. ``job`` names the job in locks and in the progress of the tables it writes."""

    @contextmanager
    def alone(self, *, producers: Sequence[str] = ()) -> Iterator[None]:
        """Hold this job's lock, so that it runs once at a time, and keep its producers from running meanwhile.

        Raises:
            LakeDamaged: a table is not what was committed.
        """
        with self.resting(producers), ExitStack() as held:
            if tables.is_local(self.root):
                held.enter_context(locks.hold(self._lock(f"job.{self.job}")))
            tables.check_all(self.root)
            yield

    @contextmanager
    def resting(self, jobs: Sequence[str]) -> Iterator[None]:
        """Keep other jobs from running meanwhile; wait for those that do."""
        with ExitStack() as held:
            if tables.is_local(self.root):
                for job in jobs:
                    held.enter_context(locks.hold(self._lock(f"job.{job}"), shared=True))
            yield

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Hold the lock of one table while it is written. Never nested: one table at a time."""
        with tables.writing(self.root, table):
            yield

    def _lock(self, name: str) -> Path:
        return locks.of(self.root, name)

    # Properties

    def table_property(self, table: Table, name: str) -> str | None:
        """Return a property of the table, None where it or the table is not there."""
        found = tables.open_table(self.root, table)
        return None if found is None else found.metadata().configuration.get(name)

    def set_table_property(self, table: Table, name: str, value: str) -> None:
        """Set a property of the table, in a commit of its own."""
        tables.ensure(self.root, table)
        with self.writing(table):
            tables.set_property(self.root, table, name, value)

    # Writing

    def append(
        self,
        table: Table,
        rows: DataFrame,
        stamp: int,
        *,
        app: str | None = None,
        evolve: bool = False,
        skip_empty: bool = False,
        many: bool = False,
    ) -> int:
        """Append ``rows`` and this job's progress in one commit; return how many rows there are.

        A replay with the same or an older stamp is a no-op. ``evolve`` adds columns; with ``skip_empty`` no rows are
        no commit. Too ``many`` rows for this process, or too long ones, are not kept.
        """
        tables.ensure(self.root, table)
        name = app or self.job
        if many:
            return self._append(table, rows, name, stamp, evolve=evolve)
        with self.kept(rows) as kept:
            few = None if evolve else self._few(table, kept)
            if few is None:
                return 0 if skip_empty and kept.isEmpty() else self._append(table, kept, name, stamp, evolve=evolve)
            if len(few) or not skip_empty:
                with self.writing(table):
                    if tables.progress(self.root, table, name) < stamp:
                        small.append(self.root, table, few, app=name, stamp=stamp)
            return len(few)

    def _append(self, table: Table, rows: DataFrame, app: str, stamp: int, *, evolve: bool) -> int:
        """Write by Spark, which counts the rows on their way."""
        need_driver()
        with self.writing(table):
            if tables.progress(self.root, table, app) >= stamp:
                return rows.count()  # Delta would skip the write, and what is observed there never comes
            seen = Observation()
            (
                rows.observe(seen, F.count(F.lit(1)).alias("rows"))
                .write.format("delta")
                .mode("append")
                .option("mergeSchema", str(evolve).lower())
                .option("txnAppId", app)
                .option("txnVersion", str(stamp))
                .save(self.path(table))
            )
        return int(seen.get["rows"])

    def _few(self, table: Table, rows: DataFrame) -> pa.Table | None:
        """Return rows that are few enough to be committed from here, None where they are not."""
        if not small.fits(self.root, table, rows.columns):
            return None
        found = rows.limit(small.MOST_ROWS + 1).toArrow()
        return found if len(found) <= small.MOST_ROWS else None

    def merge(
        self,
        table: Table,
        changes: DataFrame,
        stamp: int,
        *,
        app: str | None = None,
        partitions: DataFrame | None = None,
        advance: bool = True,
    ) -> int:
        """Apply ``changes`` (see ``changes.difference``) by the table's key and return how many rows that were.

        The commit carries this job's progress. Idempotent. What is concerned is named literally (partitions and the
        range of the key), without which a MERGE reads the whole history; ``partitions`` holds further partitions in
        which the keys may lie until now. Where every row is new they are appended: nobody else writes a job's table
        while the job holds its lock. Without ``advance`` no changes are no commit.
        """
        tables.ensure(self.root, table)
        name = app or self.job
        with self.kept(changes) as kept:
            few = self._few(table, kept)
            count = None if few is None else self._merge_few(table, few, partitions, name, stamp)
            if count is None:
                count = self._merge_many(table, kept, partitions, name, stamp)
        if advance and self.progress(table, app) < stamp:
            self.advance(table, stamp, app=app)  # nothing differed, and there was no commit
        return count

    def _merge_few(self, table: Table, few: pa.Table, partitions: DataFrame | None, app: str, stamp: int) -> int | None:
        """Commit few changes from here; None where too many rows would be rewritten with them."""
        if not len(few) or self.progress(table, app) >= stamp:
            return 0
        if small.only_inserts(few):
            with self.writing(table):
                small.append(self.root, table, few.drop_columns([OPERATION]), app=app, stamp=stamp)
            return len(few)
        concerned = small.concerned(table, few, self._partitions(table, partitions))
        if not small.may_rewrite(self.root, table, concerned):
            return None
        with self.writing(table):
            small.merge(self.root, table, few, concerned, progress=(app, stamp))
        return len(few)

    def _merge_many(self, table: Table, changes: DataFrame, partitions: DataFrame | None, app: str, stamp: int) -> int:
        found = self._concerned(table, changes, partitions)
        columns = [c.name for c in table.columns if c.name in changes.columns]
        if found.rows == found.inserts > 0:
            self._append(table, changes.select(*columns), app, stamp, evolve=False)
        elif found.rows:
            with self.writing(table), self._transaction(app, stamp):
                self._merge(table, changes, found.predicate, _clauses(columns))
        return found.rows

    def advance(self, table: Table, stamp: int, *, app: str | None = None) -> None:
        """Commit this job's progress in ``table`` and nothing else."""
        with self.writing(table):
            tables.advance(self.root, table, app=app or self.job, stamp=stamp)

    def update(self, table: Table, changes: DataFrame) -> int:
        """Set the columns of ``changes`` in the rows of their key (and partition); return how many rows that were."""
        tables.ensure(self.root, table)
        with self.kept(changes) as kept:
            few = self._few(table, kept)
            if few is not None:
                if not len(few):
                    return 0
                concerned = small.concerned(table, few, {})
                if small.may_rewrite(self.root, table, concerned):
                    with self.writing(table):
                        small.merge(self.root, table, few, concerned, progress=None)
                    return len(few)
            found = self._concerned(table, kept, None)
            columns = [c.name for c in table.columns if c.name in kept.columns]
            if found.rows:
                with self.writing(table):
                    self._merge(table, kept, found.predicate, f"WHEN MATCHED THEN UPDATE SET {_assignments(columns)}")
        return found.rows

    def _merge(self, table: Table, source: DataFrame, predicate: list[str], clauses: str) -> None:
        need_driver()
        source.createOrReplaceTempView(_VIEW)
        on = " AND ".join([f"t.`{key}` <=> s.`{key}`" for key in table.key] + predicate)
        self.spark.sql(f"MERGE INTO {self.identifier(table)} t USING {_VIEW} s ON {on} {clauses}")

    def _concerned(self, table: Table, changes: DataFrame, partitions: DataFrame | None) -> _Concerned:
        near = table.range_column
        inserts = F.count_if(F.col(OPERATION) == INSERT) if OPERATION in changes.columns else F.lit(0)
        sets = [F.collect_set(name).alias(name) for name in table.partitions]
        row = changes.agg(
            F.count(F.lit(1)).alias("_n"),
            inserts.alias("_inserts"),
            _bound(table, F.min(near)).alias("_low"),
            _bound(table, F.max(near)).alias("_high"),
            *sets,
        ).first()
        if row is None or not row["_n"]:
            return _Concerned(0, 0, [])
        named = {name: set(row[name]) for name in table.partitions}
        if row["_inserts"] < row["_n"]:
            for name, values in self._partitions(table, partitions).items():
                named[name] |= values
        predicate = [f"t.`{n}` IN ({', '.join(map(sql_literal, sorted(named[n])))})" for n in table.partitions]
        low, high = (_bound_literal(table, row[name]) for name in ("_low", "_high"))
        predicate.append(f"t.`{near}` BETWEEN {low} AND {high}")
        return _Concerned(row["_n"], row["_inserts"], predicate)

    def _partitions(self, table: Table, rows: DataFrame | None) -> dict[str, set[Any]]:
        if rows is None or not table.partitions:
            return {}
        if (known := self.rows_at_hand(rows)) is not None:
            return {name: set(known[name].unique().to_pylist()) for name in table.partitions}
        found = rows.select(*table.partitions).distinct().collect()
        return {name: {row[name] for row in found} for name in table.partitions}

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
