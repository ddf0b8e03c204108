"""Reading Delta tables: few rows straight into this process, many through Spark; and how far each job has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from smart_logistics.contracts.model import Table
from smart_logistics.lake import at_hand, tables
from smart_logistics.lake.conditions import Condition, Where
from smart_logistics.lake.session import is_shared
from smart_logistics.lake.tables import instant

# With few rows, compiling code, broadcasting and planning again in the middle cost more than they save.
_FOR_FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
}
# More keys than this are looked up by their range alone.
_MOST_LITERAL_KEYS = 2000


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


def among(column: str, keys: Sequence[Any]) -> list[Condition]:
    """Return the condition that ``column`` is one of ``keys``, of which there is at least one.

    Beside the list, the range: files are skipped by their least and greatest value.
    """
    return [(column, ">=", min(keys)), (column, "<=", max(keys)), (column, "in", keys)]


def _nullable(frame: DataFrame) -> DataFrame:
    """Let the fields of structs be null: a struct that is null as a whole does not reach Arrow otherwise."""
    structs = {
        f.name: F.col(f.name).cast(f.dataType.simpleString())
        for f in frame.schema
        if isinstance(f.dataType, StructType)
    }
    return frame.withColumns(structs) if structs else frame


@dataclass
class Reader:
    """What a job reads of the lakehouse. ``job`` names the job in the progress of the tables it writes."""

    spark: SparkSession
    root: str
    job: str
    expects_few: bool = field(default=False, init=False)
    _known: WeakKeyDictionary[DataFrame, pa.Table] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

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

    def rows(self, table: Table, where: Where) -> DataFrame:
        """Return the rows ``where`` leaves: themselves where they are few, else a frame that reads them."""
        tables.ensure(self.root, table)
        found = at_hand.read(self.root, table, where)
        if found is not None:
            return self.frame_of(found)
        frame = self.read(table)
        return frame.filter(at_hand.as_column(where)) if any(where) else frame

    def nothing(self, table: Table) -> DataFrame:
        """Return no row of the table."""
        return self.frame_of(pa.schema(tables.schema(table).to_arrow()).empty_table())

    def frame_of(self, rows: pa.Table) -> DataFrame:
        """Return rows at hand as a frame, and remember them: what is asked of it later needs no Spark."""
        frame = self._frame(rows)
        self._known[frame] = rows
        return frame

    def _frame(self, rows: pa.Table) -> DataFrame:
        if not len(rows) and is_shared():
            # Spark Connect reads no types off what has no rows. (Elsewhere this would be a scan, and no relation.)
            return self.spark.createDataFrame([], from_arrow_schema(rows.schema))
        # Spark takes an empty chunk for the end and silently drops what follows; a column of no chunks it refuses.
        whole = [rows[field.name].combine_chunks() for field in rows.schema]
        empty = [pa.array([], field.type) for field in rows.schema]
        return self.spark.createDataFrame(pa.Table.from_arrays(whole if len(rows) else empty, schema=rows.schema))

    def rows_at_hand(self, frame: DataFrame) -> pa.Table | None:
        """Return the rows that ``frame_of`` made this very frame of, None for any other."""
        return self._known.get(frame)

    def since(self, table: Table, stamp: int, *, column: str = "_changed_at") -> DataFrame:
        """Return the rows whose ``column`` is later than ``stamp``; file statistics leave out the older files."""
        return self.rows(table, [[(column, ">", instant(stamp))]])

    def keep(self, frame: DataFrame, kept: list[DataFrame], *, few: bool) -> DataFrame:
        """Return a frame that is read more than once: its ``few`` rows themselves, or persisted and added to ``kept``.

        Rows at hand leave Spark nothing to plan again, which is most of what a small batch costs. Where they turn out
        to be many they are persisted all the same.
        """
        if few:
            found = _nullable(frame).limit(at_hand.MOST_ROWS + 1).toArrow()
            if len(found) <= at_hand.MOST_ROWS:
                return self.frame_of(found)
        kept.append(frame.persist())
        return kept[-1]

    @staticmethod
    def forget(kept: Sequence[DataFrame]) -> None:
        """Free what ``keep`` kept, the last first: of one that is freed, Spark plans unread dependents again."""
        for frame in reversed(kept):
            frame.unpersist()

    def literals(self, frame: DataFrame, columns: Sequence[str]) -> dict[str, list[Any] | None]:
        """Return the distinct values of each column, all in one action; None for a column that has too many to name."""
        if (rows := self.rows_at_hand(frame)) is not None:
            known = {name: rows[name].drop_null().unique().to_pylist() for name in columns}
            return {name: values if len(values) <= _MOST_LITERAL_KEYS else None for name, values in known.items()}
        row = frame.agg(
            *(F.slice(F.collect_set(name), 1, _MOST_LITERAL_KEYS + 1).alias(name) for name in set(columns))
        ).first()
        found = {} if row is None else row.asDict()
        return {name: values if len(values) <= _MOST_LITERAL_KEYS else None for name, values in found.items()}

    def lookup(
        self,
        table: Table,
        column: str,
        keys: DataFrame,
        *,
        known: Sequence[Any] | None = None,
        also: Where = ((),),
    ) -> DataFrame:
        """Return the rows whose ``column`` is among ``keys`` (one column), naming them literally to skip files.

        ``known`` are the keys where they were collected before (see ``literals``), ``also`` a further condition.
        """
        (key,) = keys.columns
        found = self.literals(keys, [key])[key] if known is None else known
        if found is not None:
            if not found:
                return self.nothing(table)
            return self.rows(table, [[*among(column, found), *part] for part in also])
        ends = keys.agg(F.min(key), F.max(key)).collect()[0]
        wanted = keys.distinct().withColumnRenamed(key, "_wanted")
        within: list[Condition] = [(column, ">=", ends[0]), (column, "<=", ends[1])]
        frame = self.read(table).filter(at_hand.as_column([[*within, *part] for part in also]))
        return frame.join(wanted, F.col(column) == F.col("_wanted"), "left_semi")

    # Few rows

    @contextmanager
    def kept(self, frame: DataFrame) -> Iterator[DataFrame]:
        """Keep a frame that may be read twice; of few rows the first read takes them all."""
        if self.expects_few:
            yield frame
            return
        frame.persist()
        try:
            yield frame
        finally:
            frame.unpersist()

    @contextmanager
    def settings_for(self, *, few: bool) -> Iterator[None]:
        """Take what is written meanwhile for ``few`` rows, and set Spark for them; or leave everything as it is."""
        conf = self.spark.conf
        before = {name: conf.get(name) for name in _FOR_FEW_ROWS} if few else {}
        self.expects_few = few
        try:
            for name in before:
                conf.set(name, _FOR_FEW_ROWS[name])
            yield
        finally:
            self.expects_few = False
            for name, value in before.items():
                conf.set(name, value or "")
