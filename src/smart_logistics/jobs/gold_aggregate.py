"""Silver to Gold: the shipments that something new concerns are judged whole again, and what differs is merged.

The figures by day are committed first, then excursions, then analytics. Where a run ends between them, the next one
starts from the oldest progress and computes all of them again; the same Silver gives the same rows, so nothing is left
half done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import silver
from smart_logistics.contracts.gold import HOLD_PROPERTY, LAYER, SHIPMENT_ANALYTICS, TABLES, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.rules import EARLIEST_READING
from smart_logistics.failpoints import reached
from smart_logistics.gold import affected, analytics, assignments, excursions, points, temperatures
from smart_logistics.gold.windows import under_way, within
from smart_logistics.jobs import catalog
from smart_logistics.jobs.gold_figures import Figures, Judged
from smart_logistics.jobs.request import Request
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake import small
from smart_logistics.lake.changes import difference
from smart_logistics.lake.conditions import Where
from smart_logistics.lake.operations import OPERATION
from smart_logistics.lake.reading import Reader, among
from smart_logistics.lake.store import Lake, instant_literal

# Before any reading that counts.
_EARLIEST_DAY = date.fromisoformat(EARLIEST_READING[:10])
PRODUCERS = ("silver_transactional", "silver_iot")
# By what changed since then a parent concerns Gold: only these columns of it are read here.
_PARENTS = (
    (silver.ORDERS, "order_id"),
    (silver.WAREHOUSES, "origin_warehouse_id"),
    (silver.SHIPMENT_TYPES, "shipment_type"),
)
_GROWING = (silver.SHIPMENT_VERSIONS, silver.TRUCK_ASSIGNMENTS, silver.IOT_TELEMETRY)
_ID = "shipment_id"


def run(ctx: Context) -> Mapping[str, object]:
    """Judge the affected shipments and the days that they concern.

    Returns:
        Rows of shipments and excursions changed, shipments affected, and excursions that they have.
    """
    lake, hold = ctx.lake, ctx.setting("HOLD_MINUTES")
    seen = min(lake.progress(table) for table in TABLES)
    other_hold = lake.table_property(SHIPMENT_ANALYTICS, HOLD_PROPERTY) != str(hold)
    again = ctx.request.makes_again(LAYER)
    if not other_hold and not again and not any(_has_news(lake, table, seen) for table in silver.TABLES):
        return {"rows": 0, "shipments": 0, "excursions": 0}
    if other_hold:
        # Rows of two holds must not stand beside each other unnoticed, wherever this ends.
        lake.set_table_property(SHIPMENT_ANALYTICS, HOLD_PROPERTY, f"changing to {hold}")
        reached("gold_aggregate.announced")
    stamp = lake.new_stamp()
    everything = other_hold or (again and not ctx.request.is_windowed)
    batch = _Batch(lake, seen, hold, everything=everything, window=ctx.request if again else None)
    try:
        with lake.settings_for(few=batch.is_small()):
            counts = batch.run(stamp)
    finally:
        batch.forget()
    if other_hold:
        lake.set_table_property(SHIPMENT_ANALYTICS, HOLD_PROPERTY, str(hold))
    return counts


def _has_news(lake: Lake, table: Table, seen: int) -> bool:
    return any(lake.progress(table, app) > seen for app in table.apps)


class Wanted:
    """What Gold should hold for some shipments, by what Silver says."""

    def __init__(self, lake: Reader, hold: int) -> None:
        self.lake, self.hold = lake, hold
        self._kept: list[DataFrame] = []

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keep a frame that is read more than once until ``forget``."""
        return self.lake.keep(frame, self._kept, few=self.lake.expects_few)

    def forget(self) -> None:
        """Free what ``keep`` kept."""
        self.lake.forget(self._kept)

    def of(
        self, ids: DataFrame, shipments: DataFrame, known: Sequence[str] | None = None
    ) -> tuple[DataFrame, DataFrame]:
        """Return the rows of analytics (without ``updated_at``) and of excursions that these shipments should have.

        ``ids`` name the shipments (``known``: the same, where they were collected), ``shipments`` are all their
        versions.
        """
        facts = self.keep(self.facts(shipments))
        carried = self.keep(self.counting(self.lake.lookup(silver.TRUCK_ASSIGNMENTS, _ID, ids, known=known)))
        readings = self.keep(
            points.held(points.matched(self.readings(carried), carried), self._limits(facts), self.hold)
        )
        runs = self.keep(excursions.runs(readings))
        rows = analytics.rows(
            facts, assignments.trips(carried), temperatures.by_shipment(readings), excursions.by_shipment(runs)
        )
        return rows, runs.drop("held_us").join(facts.select(_ID, "year", "month"), _ID)

    def facts(self, shipments: DataFrame) -> DataFrame:
        """Return the current versions with what their parents say."""
        return analytics.facts(
            shipments,
            self.lake.lookup(
                silver.ORDERS,
                "order_id",
                shipments.select("order_id"),
                known=self.lake.literals(shipments, ["order_id"])["order_id"],
            ),
            self.lake.rows(silver.WAREHOUSES, []),
            self.lake.rows(silver.SHIPMENT_TYPES, []),
        )

    def counting(self, rows: DataFrame) -> DataFrame:
        """Return those of the assignments that count, with their plates."""
        return assignments.counting(rows, self.lake.rows(silver.VEHICLES, []))

    def readings(self, carried: DataFrame) -> DataFrame:
        """Return Silver's readings of the days in which the shipments were carried."""
        days = carried.select(F.to_date("starts_at"), F.to_date("ends_at")).distinct().collect()
        spans = [(row[0], row[1]) for row in days]
        if not spans:
            return self.lake.nothing(silver.IOT_TELEMETRY)
        return self.lake.rows(silver.IOT_TELEMETRY, within("reading_date", spans))

    @staticmethod
    def _limits(facts: DataFrame) -> DataFrame:
        return facts.select(_ID, "min_threshold", "max_threshold", "max_excursion_minutes")


class _Batch(Wanted):
    """The affected shipments of one run."""

    lake: Lake

    def __init__(self, lake: Lake, seen: int, hold: int, *, everything: bool, window: Request | None = None) -> None:
        super().__init__(lake, hold)
        self.seen, self._is_whole, self._window = seen, everything or not seen, window
        self._readings: DataFrame | None = None

    def is_small(self) -> bool:
        """Return whether what is new in the tables that grow is few rows, by their files' statistics."""
        if self._is_whole or self._window is not None:
            return False
        return all(small.are_few(self.lake.root, table, "_changed_at", self.seen) for table in _GROWING)

    def run(self, stamp: int) -> Mapping[str, object]:
        """Compute and merge; return the counts."""
        ids = self.keep(self.affected())
        known = self.lake.literals(ids, [_ID])[_ID]
        shipments = self.keep(self.lake.lookup(silver.SHIPMENT_VERSIONS, _ID, ids, known=known))
        months, count = self._months(shipments)
        there: Where = [] if self._is_whole else self._there(months, known)
        # Where Gold is made again and Silver holds nothing, what Gold holds must go.
        idle = not count and (self._window is None or self._window.is_windowed)
        judged = self._nothing(ids) if idle else self._judged(ids, shipments, known, there)
        reached("gold_aggregate.computed")
        Figures(self.lake, self.hold, self.keep).merge(judged, stamp, whole=self._is_whole)
        if idle:
            for table in (TEMPERATURE_EXCURSIONS, SHIPMENT_ANALYTICS):
                self.lake.advance(table, stamp)
            return {"rows": 0, "shipments": 0, "excursions": 0}
        changed = self._merge(TEMPERATURE_EXCURSIONS, judged.excursions, judged.had_excursions, stamp)
        reached("gold_aggregate.excursions")
        changed += self._merge(SHIPMENT_ANALYTICS, judged.rows, judged.had_rows, stamp)
        reached("gold_aggregate.analytics")
        return {"rows": changed, "shipments": count, "excursions": judged.excursions.count()}

    def _judged(self, ids: DataFrame, shipments: DataFrame, known: Sequence[str] | None, there: Where) -> Judged:
        rows, runs = self.of(ids, shipments, known)
        had_runs, had_rows = (self._had(table, ids, there) for table in (TEMPERATURE_EXCURSIONS, SHIPMENT_ANALYTICS))
        return Judged(ids, self.keep(rows), self.keep(runs), had_rows, had_runs, self._readings)

    def _nothing(self, ids: DataFrame) -> Judged:
        rows, runs = self.lake.nothing(SHIPMENT_ANALYTICS), self.lake.nothing(TEMPERATURE_EXCURSIONS)
        return Judged(ids, rows, runs, rows, runs, self._readings)

    # What is affected

    def affected(self) -> DataFrame:
        """Return the ids of the shipments that must be judged again."""
        if self._is_whole:
            return self._all()
        found = [self.lake.since(silver.SHIPMENT_VERSIONS, self.seen).select(_ID)]
        for table, column in _PARENTS:
            if _has_news(self.lake, table, self.seen):
                changed = self.lake.since(table, self.seen, column=silver.USED_CHANGED_AT)
                children = self.lake.lookup(silver.SHIPMENT_VERSIONS, column, changed.select(table.key[0]))
                found.append(children.select(_ID))
        found.append(affected.by_assignments(self.lake.since(silver.TRUCK_ASSIGNMENTS, self.seen)))
        if _has_news(self.lake, silver.VEHICLES, self.seen):
            changed = self.lake.since(silver.VEHICLES, self.seen, column=silver.USED_CHANGED_AT)
            found.append(affected.by_assignments(self._assignments_of(changed)))
        if _has_news(self.lake, silver.IOT_TELEMETRY, self.seen):
            self._readings = self.keep(self.lake.since(silver.IOT_TELEMETRY, self.seen).select("truck_id", "event_ts"))
            found.append(affected.by_readings(self._readings, self.counting(self._carrying(self._readings))))
        if self._window is not None:
            found += self._of_days(self._window)
        return reduce(DataFrame.union, found).distinct()

    def _all(self) -> DataFrame:
        of_silver = self.lake.rows(silver.SHIPMENT_VERSIONS, []).select(_ID).distinct()
        # Those, too, that only Gold knows: where Silver does not say so, no row of theirs should be there.
        of_gold = [self.lake.rows(table, []).select(_ID) for table in (SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS)]
        gone = reduce(DataFrame.union, of_gold).distinct().join(of_silver, _ID, "left_anti")
        # By themselves where they are few: a write to a table makes Spark forget all that was kept and reads it.
        return of_silver.union(self.lake.keep(gone, self._kept, few=True))

    def _of_days(self, window: Request) -> list[DataFrame]:
        """Return the shipments that were created or carried on the days of a window; its readings count as new."""
        where = [window.days("reading_date")]
        measured = self.lake.rows(silver.IOT_TELEMETRY, where).select("truck_id", "event_ts")
        self._readings = self.keep(measured if self._readings is None else self._readings.union(measured).distinct())
        spans = [(window.from_day or _EARLIEST_DAY, window.to_day)]
        carried = self.lake.rows(
            silver.TRUCK_ASSIGNMENTS, under_way("assignment_start_time", "assignment_end_time", spans)
        )
        created = self.lake.rows(silver.SHIPMENT_VERSIONS, [window.instants("created_at")])
        return [created.select(_ID), affected.by_assignments(carried)]

    def _assignments_of(self, vehicles: DataFrame) -> DataFrame:
        return self.lake.lookup(silver.TRUCK_ASSIGNMENTS, "vehicle_id", vehicles.select("vehicle_id"))

    def _carrying(self, readings: DataFrame) -> DataFrame:
        """Return the assignments of the readings' trucks that are under way on the readings' days."""
        days = self.lake.literals(readings.select(F.to_date("event_ts").alias("day")), ["day"])["day"]
        if days == []:
            return self.lake.nothing(silver.TRUCK_ASSIGNMENTS)
        trucks = self.lake.rows(silver.VEHICLES, []).join(
            readings.select("truck_id").distinct(), F.col("license_plate") == F.col("truck_id"), "left_semi"
        )
        # Of a truck's assignments most are over; those of other days are left out, or a year of them would be read.
        also = (
            [[]] if days is None else under_way("assignment_start_time", "assignment_end_time", [(d, d) for d in days])
        )
        return self.lake.lookup(silver.TRUCK_ASSIGNMENTS, "vehicle_id", trucks.select("vehicle_id"), also=also)

    @staticmethod
    def _months(shipments: DataFrame) -> tuple[list[tuple[int, int]], int]:
        """Return the months in which the shipments' rows lie or lay, and how many shipments there are."""
        former = F.coalesce("_former_months", F.array().cast("array<string>"))
        months = F.array_union(F.array("created_month"), former)
        row = shipments.agg(
            F.array_distinct(F.flatten(F.collect_set(months))).alias("months"), F.countDistinct(_ID).alias("count")
        ).first()
        if row is None:
            return [], 0
        return sorted((int(month[:-3]), int(month[-2:])) for month in row["months"]), row["count"]

    # What is written

    @staticmethod
    def _there(months: list[tuple[int, int]], ids: Sequence[str] | None) -> Where:
        """Return where in Gold the rows of the shipments lie; ``ids`` is None where they are too many to name."""
        named = among(_ID, ids) if ids else []
        return [[("year", "=", year), ("month", "=", month), *named] for year, month in months]

    def _had(self, table: Table, ids: DataFrame, there: Where) -> DataFrame:
        return self.keep(self.lake.rows(table, there).join(F.broadcast(ids), _ID, "left_semi"))

    def _merge(self, table: Table, wanted: DataFrame, existing: DataFrame, stamp: int) -> int:
        compared = [name for name in table.column_names if name != "updated_at"]
        changes = difference(existing, wanted, table.key, compared, delete=True)
        if "updated_at" in table.column_names:
            changes = changes.withColumn("updated_at", instant_literal(stamp))
        changes = changes.select(*table.column_names, OPERATION)
        return self.lake.merge(table, changes, stamp, partitions=existing)


if __name__ == "__main__":
    main(catalog.GOLD_AGGREGATE, run, producers=PRODUCERS)
