"""The figures of trucks and routes over some days: added up from ``fleet_daily`` and ``route_daily``, rates last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY
from smart_logistics.contracts.model import Table
from smart_logistics.views import shipments, snapshot
from smart_logistics.views.assessment import ALERTS
from smart_logistics.views.filters import Filters
from smart_logistics.views.snapshot import Row, Snapshot

DEFAULT_DAYS, MOST_DAYS = 28, 3660
WORST = 10
_ALIKE = (
    *("shipments", "deliveries", "on_time_deliveries", "delay_minutes"),
    *("excursion_count", "excursion_minutes"),
)
_OF_TRUCKS = (
    *_ALIKE,
    *("minor_excursions", "major_excursions", "critical_excursions"),
    *("reading_count", "outlier_count", "covered_minutes"),
)
# What is only known of a day on which a truck reported.
_OF_READINGS = ("excursion_count", "excursion_minutes", "minor_excursions", "major_excursions", "critical_excursions")
_OF_A_SHIPMENT = (
    *("shipment_type", "is_on_time", "delivery_delay_minutes", "temperature_alert", "alert_severity"),
    *("excursion_count", "excursion_minutes"),
)
_OF_ROUTES = (*_ALIKE, "minor_alerts", "major_alerts", "critical_alerts")


@dataclass(frozen=True)
class Period:
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each of them, in order."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Fleet:
    """What the trucks did in a period: in all, day by day (days of which nothing is known too), and truck by truck.

    Rows have the sums of ``fleet_daily`` and what ``with_rates`` adds; of a day its ``day``, of a truck its
    ``truck_id`` and ``days`` (on which there was anything). Trucks come with the most minutes too warm or cold first.
    Of a day on which no truck reported the figures of excursions are null: none was seen, and none could have been.
    """

    period: Period
    total: Row
    days: list[Row]
    trucks: list[Row]

    @property
    def worst(self) -> list[Row]:
        """The first trucks that had an excursion."""
        return [row for row in self.trucks if row["excursion_count"]][:WORST]


def period(found: Snapshot, first: date | None, last: date | None) -> Period:
    """Return the days that a person asks for; by default four weeks up to the newest day that a truck has.

    An order the wrong way round is put right, and more than ten years are cut to the last of them.
    """
    if last is None:
        last = found.state(FLEET_DAILY).greatest("day") or datetime.now(UTC).date()
    if first is None:
        first = last - timedelta(days=min(DEFAULT_DAYS - 1, (last - date.min).days))
    first, last = min(first, last), max(first, last)
    return Period(max(first, last - timedelta(days=min(MOST_DAYS - 1, (last - date.min).days))), last)


def fleet(found: Snapshot, within: Period, *, truck: str = "") -> Fleet:
    """Return the figures of the trucks whose plate has ``truck`` in it; an empty text means all."""
    rows = _rows(found, FLEET_DAILY, (*FLEET_DAILY.key, *_OF_TRUCKS, "max_deviation"), within)
    if wanted := truck.strip().upper():
        rows = rows.filter(pc.match_substring(rows["truck_id"], wanted))
    by_day = {row["day"]: row for row in _summed(rows, ["day"], _OF_TRUCKS)}
    nothing: Row = {"max_deviation": None, "trucks": 0} | dict.fromkeys(_OF_TRUCKS, 0)
    days = [_as_known(by_day.get(day) or with_rates({"day": day} | nothing)) for day in within.days]
    trucks = _summed(rows, ["truck_id"], _OF_TRUCKS)
    trucks.sort(key=lambda row: (-row["excursion_minutes"], -row["excursion_count"], row["truck_id"]))
    return Fleet(within, _total(rows, _OF_TRUCKS), days, trucks)


def routes(found: Snapshot, within: Period) -> list[Row]:
    """Return the figures of each route's shipments that were created in the period, the most late and warm first."""
    rows = _rows(found, ROUTE_DAILY, (*ROUTE_DAILY.key, *_OF_ROUTES), within)
    of = _summed(rows, ["origin_city", "destination_city"], _OF_ROUTES)
    late = {id(row): row["deliveries"] - row["on_time_deliveries"] for row in of}
    return sorted(of, key=lambda row: (-late[id(row)], -row["excursion_minutes"], _city(row, 0), _city(row, 1)))


def types(found: Snapshot, within: Period) -> list[Row]:
    """Return the figures of each type's shipments that were created in the period, the most alerts first.

    Rows have ``shipment_type``, the sums of ``route_daily``, ``alerts`` and what ``with_rates`` adds.
    """
    first, last = (datetime.combine(day, time(), UTC) for day in (within.first, within.last))
    rows = shipments.matching(found, Filters(since=first, until=last + timedelta(days=1)), _OF_A_SHIPMENT)
    counted: dict[str, Any] = {
        "shipment_type": rows["shipment_type"],
        "shipments": pa.repeat(1, len(rows)),
        "deliveries": pc.is_valid(rows["is_on_time"]).cast("int64"),
        "on_time_deliveries": pc.fill_null(rows["is_on_time"], False).cast("int64"),
        "delay_minutes": pc.fill_null(rows["delivery_delay_minutes"], 0.0),
        "alerts": rows["temperature_alert"].cast("int64"),
        **{name: rows[name] for name in ("excursion_count", "excursion_minutes")},
        **{f"{one.lower()}_alerts": pc.equal(rows["alert_severity"], one).cast("int64") for one in ALERTS},
    }
    sums = pa.table(counted).group_by("shipment_type").aggregate([(name, "sum") for name in list(counted)[1:]])
    of = [with_rates({_name(name): value for name, value in row.items()}) for row in sums.to_pylist()]
    return sorted(of, key=lambda row: (-row["alerts"], -row["excursion_minutes"], row["shipment_type"] or ""))


def with_rates(row: Row) -> Row:
    """Add ``on_time_rate`` (share of the deliveries, null without one) and ``average_delay`` (minutes, likewise)."""
    deliveries = row["deliveries"]
    return row | {
        "on_time_rate": row["on_time_deliveries"] / deliveries if deliveries else None,
        "average_delay": row["delay_minutes"] / deliveries if deliveries else None,
    }


def _as_known(day: Row) -> Row:
    has_reports = day["reading_count"] or day["excursion_count"]
    return day if has_reports else day | dict.fromkeys(_OF_READINGS)


def _rows(found: Snapshot, table: Table, columns: Sequence[str], within: Period) -> pa.Table:
    day = pc.field("day")
    return found.rows(table, columns, snapshot.all_of([_months(within), day >= within.first, day <= within.last]))


def _months(within: Period) -> pc.Expression:
    """Return the partitions that may hold a day."""
    year, month = pc.field("year"), pc.field("month")
    first, last = within.first, within.last
    return ((year > first.year) | ((year == first.year) & (month >= first.month))) & (
        (year < last.year) | ((year == last.year) & (month <= last.month))
    )


def _summed(rows: pa.Table, by: list[str], names: Iterable[str]) -> list[Row]:
    measures: list[tuple[str, str]] = [(name, "sum") for name in names]
    measures.append((next(name for name in ("day", "truck_id") if name not in by), "count_distinct"))
    if "max_deviation" in rows.column_names:
        measures.append(("max_deviation", "max"))
    grouped = rows.group_by(by).aggregate(measures).to_pylist()
    return [with_rates({_name(name): value for name, value in row.items()}) for row in grouped]


def _total(rows: pa.Table, names: Iterable[str]) -> Row:
    sums: Row = {name: pc.sum(rows[name]).as_py() or 0 for name in names}
    deviation: Any = pc.max(rows["max_deviation"]).as_py()
    trucks: int = pc.count_distinct(rows["truck_id"]).as_py()
    return with_rates(sums | {"max_deviation": deviation, "trucks": trucks})


def _name(aggregate: str) -> str:
    counted = {"day_count_distinct": "days", "truck_id_count_distinct": "trucks"}
    return counted.get(aggregate) or aggregate.removesuffix("_sum").removesuffix("_max")


def _city(row: Row, number: int) -> str:
    return row[("origin_city", "destination_city")[number]] or ""
