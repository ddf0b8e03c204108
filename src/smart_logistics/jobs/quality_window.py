"""What the quality job looks at: whatever the pipeline committed since the last check that did not fail.

An hour changes few tables; those that nothing was committed to are not read at all, and of the others only the files
that may hold what is new, or what it is compared with: every read says where its rows lie, in literals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.jobs import catalog
from smart_logistics.jobs.row_batch import SILVER
from smart_logistics.lake import digest
from smart_logistics.lake.conditions import Condition, Where
from smart_logistics.lake.reading import instant_literal
from smart_logistics.lake.still import Still
from smart_logistics.lake.tables import instant
from smart_logistics.quality import facts
from smart_logistics.quality.declared import CHECKED

READERS: Mapping[str, tuple[Table, str, Table, str]] = {
    silver.IOT_TELEMETRY.full_name: (
        bronze.IOT_TELEMETRY,
        catalog.BRONZE_INGEST_IOT.name,
        silver.IOT_TELEMETRY,
        catalog.SILVER_IOT.name,
    ),
    **{
        SILVER[name].full_name: (
            table,
            catalog.BRONZE_INGEST_SQL.name,
            SILVER[name],
            catalog.SILVER_TRANSACTIONAL.name,
        )
        for name, table in bronze.EXTRACTED.items()
    },
}
_DAY_OF = {table.full_name: "_ingestion_date" for table in (*bronze.EXTRACTED.values(), bronze.SOURCE_DELETES)} | {
    bronze.REJECTED_RECORDS.full_name: "rejection_date"
}


@dataclass
class Window:
    """What is new in ``lake`` since the stamp ``seen``; since 0, that is all."""

    lake: Still
    seen: int

    @property
    def start(self) -> Column:
        """The stamp ``seen`` as a timestamp."""
        return instant_literal(self.seen)

    def read(self, table: Table) -> DataFrame:
        """Return the table."""
        return self.lake.read(table)

    def has_new(self, table: Table) -> bool:
        """Whether any job committed to the table since."""
        return self.lake.state(table).last_stamp > self.seen

    def changed(self) -> list[Table]:
        """Return the checked tables that have something new."""
        return [table for table in CHECKED if self.has_new(table)]

    def judged_until(self, target: Table) -> int:
        """Return the stamp up to which the Silver table ``target`` has taken its Bronze."""
        reader = READERS[target.full_name]
        return self.lake.state(target).progress(reader[3])

    def behind(self, target: Table) -> int:
        """Return by how many microseconds ``target`` is behind its Bronze; 0 where it has seen all."""
        source, producer, _, _ = READERS[target.full_name]
        committed = self.lake.state(source).progress(producer)
        return max(committed - self.judged_until(target), 0)

    def gold_behind(self, table: Table) -> int:
        """Return by how many microseconds a table of Gold is behind Silver; 0 where it has seen all."""
        committed = max(self.lake.state(one).last_stamp for one in silver.TABLES)
        return max(committed - self.lake.state(table).last_stamp, 0)

    def new(self, table: Table) -> DataFrame:
        """Return the table's new rows."""
        rows = self.lake.rows(table, self._where_new(table))
        if table is gold.TEMPERATURE_EXCURSIONS:
            keys = ["shipment_id", *table.partitions]
            return rows.join(self.new(gold.SHIPMENT_ANALYTICS).select(*keys), keys, "left_semi")
        return rows

    def _where_new(self, table: Table) -> Where:
        """Return where the table's new rows are; excursions have no time of their own, they lie beside their rows."""
        if not self.seen:
            return []
        if table is gold.TEMPERATURE_EXCURSIONS:
            changed = self.lake.few(gold.SHIPMENT_ANALYTICS, self._where_new(gold.SHIPMENT_ANALYTICS))
            return [] if changed is None else _beside(table, changed)
        since = instant(self.seen)
        day = _DAY_OF.get(table.full_name)
        return [[(facts.NEW_BY[table.full_name], ">", since), *([] if day is None else [(day, ">=", since.date())])]]

    @cached_property
    def is_small(self) -> bool:
        """Whether all that is new is at hand."""
        return all(self.lake.few(table, self._where_new(table)) is not None for table in self.changed())

    @property
    def at_once(self) -> int:
        """How many Spark actions go side by side: few rows cost little but planning, which takes a processor each."""
        return 2 if self.is_small else 1

    def total(self, table: Table, columns: list[str], say: Callable[[pa.Table], int]) -> int:
        """Return the sum of what ``say`` says of each file; those that were there the last time are not read again."""
        found = self.lake.state(table)
        if found.delta is None:
            return 0
        if not self.seen:
            return say(found.dataset.to_table(columns=columns))
        return digest.total(self.lake.root, table, found.delta, columns, say)

    def arrived(self, table: Table, target: Table) -> DataFrame:
        """Return the new rows of Bronze's ``table`` (or its dead letters) that ``target`` must have judged by now."""
        until = instant_literal(self.judged_until(target))
        return self.new(table).filter((F.col("_ingested_at") > self.start) & (F.col("_ingested_at") <= until))

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """All aggregates over what is new, by table."""
        frames = [facts.facts(self.new(table), table, _bounds(table)) for table in self.changed()]
        return facts.collected(frames, at_once=self.at_once)

    def measure_facts(self) -> None:
        """Measure ``facts`` now, before several threads ask for them."""
        self.facts  # noqa: B018 - kept from its first use on

    def count(self, table: Table) -> int:
        """Return the number of new rows."""
        return int(self.fact(table, "rows") or 0)

    def fact(self, table: Table, name: str) -> Any:
        """Return one fact; None where the table has nothing new, or nothing of this kind."""
        return self.facts.get(table.full_name, {}).get(name)

    def around(self, table: Table) -> DataFrame:
        """Return the rows among which a key of a new row may occur again: in their partitions, between their keys.

        And between the ends of ``range_column``, which goes with the key: surrogate keys lie anywhere.
        """
        # What is null lies between no ends.
        keys = {name for name in table.key if not table.column(name).nullable}
        return self.beside(table, table, {*keys, table.range_column})

    def beside(self, table: Table, other: Table, keys: Iterable[str]) -> DataFrame:
        """Return the rows of ``table`` in the partitions of ``other``'s new rows, between the ends of ``keys``."""
        if not self.seen:
            return self.read(table)
        near = [condition for name in keys for condition in self._within(other, name, table, name)]
        places: list[Condition] = [
            (name, "in", [typed(table, name, value) for value in self.fact(other, facts.SETS + name) or ()])
            for name in table.partitions
        ]
        return self.lake.rows(table, [[*near, *places]])

    def parents(self, child: Table, column: str, parent: str) -> DataFrame:
        """Return the keys of the Silver table ``parent`` that the new rows of ``child`` may name in ``column``."""
        table, key = SILVER[parent], BY_NAME[parent].key
        return self.lake.rows(table, [self._within(child, column, table, key)]).select(F.col(key).alias("_parent"))

    def _within(self, child: Table, column: str, table: Table, key: str) -> list[Condition]:
        """Return that ``key`` is between the ends of what the new rows of ``child`` have in ``column``, if anything."""
        ends = [self.fact(child, f"{bound}{column}") for bound in (facts.LOW, facts.HIGH)]
        if None in ends:
            return [(key, "in", [])]
        low, high = (typed(table, key, end) for end in ends)
        return [(key, ">=", low), (key, "<=", high)]

    def histories(self) -> DataFrame:
        """Return all versions of the shipments of which a version is new."""
        touched = self.new(silver.SHIPMENT_VERSIONS).select("shipment_id").distinct()
        rows = self.beside(silver.SHIPMENT_VERSIONS, silver.SHIPMENT_VERSIONS, ["shipment_id"])
        return rows.join(touched, "shipment_id", "left_semi")

    def answers(self) -> DataFrame:
        """Return the rows of Gold among which those of the shipments with a new version must be."""
        versions = silver.SHIPMENT_VERSIONS
        months = {
            *(self.fact(versions, facts.SETS + "created_month") or ()),
            *(self.fact(versions, "former_months") or ()),
        }
        return self.in_months(months, self._within(versions, "shipment_id", gold.SHIPMENT_ANALYTICS, "shipment_id"))

    def in_months(self, months: Iterable[str], also: list[Condition]) -> DataFrame:
        """Return the rows of Gold in one of the ``months`` (yyyy-MM) that also meet all of some conditions."""
        places = [month.split("-") for month in sorted(months)]
        where = [[("year", "=", int(year)), ("month", "=", int(month)), *also] for year, month in places]
        return self.lake.rows(gold.SHIPMENT_ANALYTICS, where or [[("shipment_id", "in", [])]])

    def begun(self, table: Table, column: str, since: Table) -> DataFrame:
        """Return the rows whose instant ``column`` is between the first and last ``day`` of ``since``'s new rows."""
        ends = [self.fact(since, f"{bound}day") for bound in (facts.LOW, facts.HIGH)]
        if None in ends:
            return self.lake.nothing(table)
        first, last = (date.fromisoformat(end) for end in ends)
        near: list[Condition] = [
            (column, ">=", datetime.combine(first, time(), UTC)),
            (column, "<=", datetime.combine(last, time.max, UTC)),
        ]
        return self.lake.rows(table, [near])

    def under_way(self, table: Table, since: Table, column: str) -> DataFrame:
        """Return the assignments (``table``) that were not over when the first of the new rows of ``since`` began.

        ``column`` says when those began.
        """
        first = self.fact(since, facts.LOW + column)
        if first is None:
            return self.lake.nothing(table)
        end = "assignment_end_time"
        return self.lake.rows(table, [[(end, "null", None)], [(end, ">", typed(table, end, first))]])


def typed(table: Table, column: str, text: str) -> Any:
    """Return what a fact says as text as a value of a column's type: an instant in UTC, a date, a number, or itself."""
    match table.column(column).type:
        case "int" | "bigint":
            return int(text)
        case "timestamp":
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        case "date":
            return date.fromisoformat(text)
        case _:
            return text


def _beside(table: Table, changed: pa.Table) -> Where:
    """Return where the excursions of ``changed`` rows of Gold are."""
    if not len(changed):
        return [[("shipment_id", "in", [])]]
    ids = changed["shipment_id"].to_pylist()
    near: list[Condition] = [("shipment_id", ">=", min(ids)), ("shipment_id", "<=", max(ids))]
    places = sorted({*zip(*(changed[name].to_pylist() for name in table.partitions), strict=True)})
    return [
        [*((name, "=", value) for name, value in zip(table.partitions, place, strict=True)), *near] for place in places
    ]


def source_of(target: Table) -> SourceTable:
    """Return the source table that a Silver table is made of."""
    return BY_NAME[target.name]


def _bounds(table: Table) -> list[str]:
    """Return the columns whose range narrows what new rows are compared with."""
    parents = source_of(table).foreign_keys if table.layer == silver.LAYER and table.name in BY_NAME else ()
    starts = ("assignment_start_time",) if table is silver.TRUCK_ASSIGNMENTS else ()
    return sorted({*(key.column for key in parents), *starts, *table.key, table.range_column})
