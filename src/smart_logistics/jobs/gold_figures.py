"""The figures by day of what a batch of Gold changes: the days concerned are computed again whole, and merged.

A day is concerned where something of it is new, and where something of it was and is no more: a shipment moved to
another route, an excursion gone. What was is known only until the answers of the shipments are committed. So the
figures are committed before: where a run ends between the two, the next one finds what was still there, and takes the
days that the unfinished one wrote for concerned too: what it found new may have changed again meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import silver
from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY, SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.failpoints import reached
from smart_logistics.gold import figures
from smart_logistics.gold.windows import on_days
from smart_logistics.lake import at_hand
from smart_logistics.lake.changes import difference
from smart_logistics.lake.conditions import Condition, Where
from smart_logistics.lake.operations import OPERATION
from smart_logistics.lake.reading import among
from smart_logistics.lake.store import Lake, instant_literal

_ID, _ROUTE_DAY = "shipment_id", "route_day"
_READING = ("truck_id", "event_ts", "reading_date", "is_outlier")


@dataclass(frozen=True)
class Judged:
    """The shipments of a batch (``ids``): their rows and excursions as they should be, and as Gold has them until now.

    ``readings`` are the truck_id and event_ts of the new and newly flagged ones, None where there are none.
    """

    ids: DataFrame
    rows: DataFrame
    excursions: DataFrame
    had_rows: DataFrame
    had_excursions: DataFrame
    readings: DataFrame | None


@dataclass(frozen=True)
class _Concerned:
    """The trucks' days and the routes' days that are computed again; None in place of a list: too many to name."""

    trucks: DataFrame
    routes: DataFrame
    plates: Sequence[str] | None
    truck_days: Sequence[date] | None
    route_days: Sequence[date] | None


class Figures:
    """The merges of both tables for one batch."""

    def __init__(self, lake: Lake, hold: int, keep: Callable[[DataFrame], DataFrame]) -> None:
        self.lake, self.hold, self.keep = lake, hold, keep

    def merge(self, judged: Judged, stamp: int, *, whole: bool) -> None:
        """Compute the days that ``judged`` concern, or with ``whole`` every day: then they are all shipments."""
        concerned = None if whole else self._concerned(judged)
        self._merge(FLEET_DAILY, *self._of_trucks(judged, concerned), stamp)
        reached("gold_aggregate.fleet_daily")
        self._merge(ROUTE_DAILY, *self._of_routes(judged, concerned), stamp)
        reached("gold_aggregate.route_daily")

    def _merge(self, table: Table, wanted: DataFrame, held: DataFrame, stamp: int) -> None:
        compared = [name for name in table.column_names if name != "updated_at"]
        changes = difference(held, wanted, table.key, compared, delete=True)
        changes = changes.withColumn("updated_at", instant_literal(stamp)).select(*table.column_names, OPERATION)
        self.lake.merge(table, changes, stamp)

    def _said(self, readings: DataFrame, excursions: DataFrame, shipments: DataFrame) -> list[DataFrame]:
        return [
            figures.said_by_readings(readings.select(*_READING), self.hold),
            figures.said_by_excursions(excursions),
            figures.said_by_trips(shipments),
        ]

    # What is concerned

    def _concerned(self, judged: Judged) -> _Concerned:
        """Collect the keys of all that is and was, in one action where they are few."""
        shipments = [judged.had_rows, judged.rows]
        trucks = figures.truck_days(judged.readings, [judged.had_excursions, judged.excursions], shipments)
        of_route = [figures.with_route_day(rows).select(*figures.ROUTE_KEY) for rows in shipments]
        trucks = reduce(DataFrame.union, [trucks, *self._unfinished(FLEET_DAILY)])
        routes = reduce(DataFrame.union, [*of_route, *self._unfinished(ROUTE_DAILY)])
        keys = trucks.unionByName(routes.withColumnRenamed("day", _ROUTE_DAY), allowMissingColumns=True).distinct()
        names = ["truck_id", "day", _ROUTE_DAY]
        few = keys.limit(at_hand.MOST_ROWS + 1).toArrow()
        if len(few) <= at_hand.MOST_ROWS:
            keys = self.lake.frame_of(few)
            found: dict[str, Any] = {name: few[name].drop_null().unique().to_pylist() for name in names}
        else:
            keys = self.keep(keys)
            found = self.lake.literals(keys, names)
        of_routes = keys.filter(F.col(_ROUTE_DAY).isNotNull()).drop("day").withColumnRenamed(_ROUTE_DAY, "day")
        return _Concerned(
            keys.filter(F.col("day").isNotNull()).select(*figures.TRUCK_KEY),
            of_routes.select(*figures.ROUTE_KEY),
            *(found[name] for name in names),
        )

    def _unfinished(self, table: Table) -> list[DataFrame]:
        """Return the keys that a run wrote which ended before the shipments were merged, if one did."""
        done = self.lake.progress(SHIPMENT_ANALYTICS)
        if self.lake.progress(table) <= done:
            return []
        return [self.lake.since(table, done, column="updated_at").select(*table.key)]

    # What they should hold, and what they hold

    def _of_trucks(self, judged: Judged, concerned: _Concerned | None) -> tuple[DataFrame, DataFrame]:
        if concerned is None:
            said = self._said(self.lake.rows(silver.IOT_TELEMETRY, []), judged.excursions, judged.rows)
            return figures.trucks(said), self.lake.rows(FLEET_DAILY, [])
        days, plates = concerned.truck_days, concerned.plates
        if days == []:
            nothing = self.lake.nothing(FLEET_DAILY)
            return nothing, nothing
        of_trucks = [] if plates is None else among("truck_id", plates)
        dated: list[Condition] = [] if days is None else [("reading_date", "in", days)]
        readings = self.lake.rows(silver.IOT_TELEMETRY, [[*dated, *of_trucks]])
        begun = [[*part, *of_trucks] for part in _on(days, "started_at")]
        excursions = self._with_others(TEMPERATURE_EXCURSIONS, begun, judged.ids, judged.excursions)
        trips = [*_on(days, "trip_start"), *_on(days, "actual_delivery_at")]
        shipments = self._with_others(SHIPMENT_ANALYTICS, trips, judged.ids, judged.rows)
        said = [_among(frame, concerned.trucks) for frame in self._said(readings, excursions, shipments)]
        held = self.lake.rows(FLEET_DAILY, _in_months(days, [*of_trucks]))
        return figures.trucks(said), _among(held, concerned.trucks)

    def _of_routes(self, judged: Judged, concerned: _Concerned | None) -> tuple[DataFrame, DataFrame]:
        if concerned is None:
            return figures.routes(judged.rows), self.lake.rows(ROUTE_DAILY, [])
        days = concerned.route_days
        if days == []:
            nothing = self.lake.nothing(ROUTE_DAILY)
            return nothing, nothing
        created = _in_months(days, [], column="created_at")
        shipments = self._with_others(SHIPMENT_ANALYTICS, created, judged.ids, judged.rows)
        of_days = _among(figures.with_route_day(shipments), concerned.routes)
        held = self.lake.rows(ROUTE_DAILY, _in_months(days, []))
        return figures.routes(of_days), _among(held, concerned.routes)

    def _with_others(self, table: Table, where: Where, ids: DataFrame, own: DataFrame) -> DataFrame:
        """Return Gold's rows ``where`` says, those of the batch's shipments (``own``) as they should be."""
        names = figures.OF_SHIPMENTS if table is SHIPMENT_ANALYTICS else figures.OF_EXCURSIONS
        others = self.lake.rows(table, where).join(F.broadcast(ids), _ID, "left_anti")
        return others.select(*names).unionByName(own.select(*names))


def _among(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """Return the rows of ``keys``; a city that is null is like another that is null."""
    renamed = keys.select(*(F.col(name).alias(f"_{name}") for name in keys.columns))
    same = reduce(and_, (F.col(name).eqNullSafe(F.col(f"_{name}")) for name in keys.columns))
    return rows.join(F.broadcast(renamed), same, "left_semi")


def _on(days: Sequence[date] | None, column: str) -> Where:
    return [[]] if days is None else on_days(column, days)


def _in_months(days: Sequence[date] | None, also: list[Condition], *, column: str = "day") -> Where:
    """Return the condition that a row lies in the months of ``days``, and between the first and last of each month."""
    if days is None:
        return [also]
    by_month: dict[tuple[int, int], list[date]] = defaultdict(list)
    for day in days:
        by_month[day.year, day.month].append(day)
    return [
        [("year", "=", year), ("month", "=", month), *between, *also]
        for (year, month), of in sorted(by_month.items())
        for between in ([among("day", of)] if column == "day" else on_days(column, of))
    ]
