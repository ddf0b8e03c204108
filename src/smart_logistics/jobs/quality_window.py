"""What the quality job looks at: whatever the pipeline committed since the last check that did not fail.

An hour changes few tables; those that nothing was committed to are not read at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.jobs import catalog
from smart_logistics.jobs.row_batch import SILVER
from smart_logistics.lake.reading import instant, instant_literal
from smart_logistics.lake.still import Still
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
        if table is gold.TEMPERATURE_EXCURSIONS:
            keys = ["shipment_id", *table.partitions]
            return self.read(table).join(self.new(gold.SHIPMENT_ANALYTICS).select(*keys), keys, "left_semi")
        rows = self.read(table).filter(F.col(facts.NEW_BY[table.full_name]) > self.start)
        day = _DAY_OF.get(table.full_name)
        return rows if day is None else rows.filter(F.col(day) >= F.lit(instant(self.seen).date()))

    def arrived(self, table: Table, target: Table) -> DataFrame:
        """Return the new rows of Bronze's ``table`` (or its dead letters) that ``target`` must have judged by now."""
        until = instant_literal(self.judged_until(target))
        return self.new(table).filter((F.col("_ingested_at") > self.start) & (F.col("_ingested_at") <= until))

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """All aggregates over what is new, by table; one Spark action."""
        frames = [facts.facts(self.new(table), table, _bounds(table)) for table in self.changed()]
        return facts.collected(frames)

    def count(self, table: Table) -> int:
        """Return the number of new rows."""
        return int(self.fact(table, "rows") or 0)

    def fact(self, table: Table, name: str) -> Any:
        """Return one fact; None where the table has nothing new, or nothing of this kind."""
        return self.facts.get(table.full_name, {}).get(name)

    def around(self, table: Table) -> DataFrame:
        """Return the rows among which a key of a new row may occur again: its partitions, or the range of its keys."""
        if table.partitions:
            return self.beside(table, table)
        return self.read(table).filter(self._within(table, table.key[0], table, table.key[0]))

    def beside(self, table: Table, other: Table) -> DataFrame:
        """Return the rows of ``table`` in the partitions that new rows of ``other`` lie in."""
        rows = self.read(table)
        for name in table.partitions:
            rows = rows.filter(_among(table, name, self.fact(other, facts.SETS + name) or ()))
        return rows

    def parents(self, child: Table, column: str, parent: str) -> DataFrame:
        """Return the keys of the Silver table ``parent`` that the new rows of ``child`` may name in ``column``."""
        table, key = SILVER[parent], BY_NAME[parent].key
        return self.read(table).filter(self._within(child, column, table, key)).select(F.col(key).alias("_parent"))

    def _within(self, child: Table, column: str, table: Table, key: str) -> Column:
        low, high = (self.fact(child, f"{bound}{column}") for bound in (facts.LOW, facts.HIGH))
        type_ = table.column(key).type
        return F.col(key).between(F.lit(low).cast(type_), F.lit(high).cast(type_))

    def histories(self) -> DataFrame:
        """Return all versions of the shipments of which a version is new."""
        touched = self.new(silver.SHIPMENT_VERSIONS).select("shipment_id").distinct()
        return self.around(silver.SHIPMENT_VERSIONS).join(touched, "shipment_id", "left_semi")

    def answers(self) -> DataFrame:
        """Return the rows of Gold among which those of the shipments with a new version must be."""
        months = {
            *(self.fact(silver.SHIPMENT_VERSIONS, facts.SETS + "created_month") or ()),
            *(self.fact(silver.SHIPMENT_VERSIONS, "former_months") or ()),
        }
        return self.read(gold.SHIPMENT_ANALYTICS).filter(in_months(months))


def in_months(months: Iterable[str]) -> Column:
    """Return the condition that a Gold row lies in one of the ``months`` (yyyy-MM), in literals that prune."""
    condition = F.lit(False)
    for month in sorted(months):
        year, number = month.split("-")
        condition = condition | ((F.col("year") == int(year)) & (F.col("month") == int(number)))
    return condition


def source_of(target: Table) -> SourceTable:
    """Return the source table that a Silver table is made of."""
    return BY_NAME[target.name]


def _among(table: Table, name: str, values: Iterable[str]) -> Column:
    type_ = table.column(name).type
    literals = [F.lit(value).cast(type_) for value in sorted(values)]
    found = F.col(name).isin(*literals) if literals else F.lit(False)
    return found | F.col(name).isNull() if table.column(name).nullable else found


def _bounds(table: Table) -> list[str]:
    """Return the columns whose range narrows what new rows are compared with."""
    if table.layer != silver.LAYER or table.name not in BY_NAME:
        return []
    keys = [key.column for key in source_of(table).foreign_keys]
    starts = ("assignment_start_time",) if table is silver.TRUCK_ASSIGNMENTS else ()
    return sorted({*keys, *starts, *(() if table.partitions else table.key[:1])})
