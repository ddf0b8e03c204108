"""The list of shipments: filtered, sorted, paged. Only narrow columns of the files that may hold one are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS
from smart_logistics.views import decisions
from smart_logistics.views.assessment import ALERTS, SEVERITIES
from smart_logistics.views.decisions import OPEN
from smart_logistics.views.filters import LOW_COVERAGE, Filters
from smart_logistics.views.snapshot import Row, Snapshot

PAGE_ROWS = 50
MOST_ROWS_OF_A_PAGE = 500
COLUMNS = (
    *("shipment_id", "shipment_type", "status", "origin_city", "destination_city", "truck_ids"),
    *("alert_severity", "temperature_alert", "excursion_count", "excursion_minutes", "longest_excursion_minutes"),
    *("max_deviation", "min_temperature", "max_temperature", "min_threshold", "max_threshold"),
    *("mean_kinetic_temperature", "data_coverage", "reading_count", "trip_start", "trip_end"),
    *("last_reading_at", "created_at", "delivery_delay_minutes"),
)
_COUNTS = f"""SELECT alert_severity, count(*) AS n, sum(excursion_minutes) AS minutes,
count(*) FILTER ({LOW_COVERAGE}) AS low, count(*) FILTER (decision = '{OPEN}') AS open FROM shipments"""  # noqa: S608 - words of our own
_RANK = f"list_position({list(SEVERITIES)}, alert_severity)"
# What a reader may sort by, the first where nothing is said; each with its direction.
SORTS: dict[str, str] = {
    "risk": f"{_RANK} DESC, excursion_minutes DESC, max_deviation DESC NULLS LAST",
    "shipment": "shipment_id",
    "created": "created_at DESC NULLS LAST",
    "minutes": "excursion_minutes DESC",
    "deviation": "max_deviation DESC NULLS LAST",
    "mkt": "mean_kinetic_temperature DESC NULLS LAST",
    "coverage": "data_coverage NULLS FIRST",
    "late": "delivery_delay_minutes DESC NULLS LAST",
}


@dataclass(frozen=True)
class Listing:
    """A page of shipments and what all that match have in common.

    ``rows`` have ``COLUMNS`` and ``decision`` (see ``decisions.added``); ``by_severity`` counts all that match,
    ``open_by_severity`` those that wait for a decision, ``low_coverage`` those with too few readings,
    ``excursion_minutes`` is their sum.
    """

    rows: list[Row]
    total: int
    by_severity: dict[str, int]
    open_by_severity: dict[str, int]
    low_coverage: int
    excursion_minutes: float
    page: int
    pages: int
    sort: str

    @property
    def alerts(self) -> int:
        """How many had an excursion."""
        return sum(self.by_severity[name] for name in ALERTS)

    @property
    def open(self) -> int:
        """How many wait for a decision."""
        return sum(self.open_by_severity.values())


@dataclass(frozen=True)
class Facets:
    """What there is to choose from."""

    kinds: list[str]
    origins: list[str]
    destinations: list[str]


def listing(
    snapshot: Snapshot, filters: Filters, *, sort: str = "risk", page: int = 1, size: int = PAGE_ROWS
) -> Listing:
    """Return one page, from 1; a page beyond the last is the last one, an unknown sort is ``risk``."""
    order = sort if sort in SORTS else next(iter(SORTS))
    size = max(1, min(size, MOST_ROWS_OF_A_PAGE))
    rows = _completed(snapshot, filters, COLUMNS)
    condition, parameters = filters.sql()
    with _Asking(rows) as ask:
        counts = ask(
            f"{_COUNTS} WHERE {condition} GROUP BY ALL",
            parameters,
        )
        total = sum(row["n"] for row in counts)
        pages = max(1, -(-total // size))
        number = max(1, min(page, pages))
        shown = ask(
            f"FROM shipments WHERE {condition} ORDER BY {SORTS[order]}, shipment_id "
            f"LIMIT {size} OFFSET {(number - 1) * size}",
            parameters,
        )
    by_severity = {row["alert_severity"]: row for row in counts}

    def each(name: str) -> dict[str, int]:
        return {one: by_severity[one][name] if one in by_severity else 0 for one in SEVERITIES}

    return Listing(
        shown,
        total,
        each("n"),
        each("open"),
        sum(row["low"] for row in counts),
        sum(row["minutes"] for row in counts),
        number,
        pages,
        order,
    )


def every(snapshot: Snapshot, filters: Filters, *, sort: str = "risk") -> pa.Table:
    """Return all columns and the decision of every shipment that matches, in order: what is exported."""
    rows = _completed(snapshot, filters, SHIPMENT_ANALYTICS.column_names)
    condition, parameters = filters.sql()
    order = SORTS.get(sort, SORTS["risk"])
    with _Asking(rows) as ask:
        return ask.arrow(f"FROM shipments WHERE {condition} ORDER BY {order}, shipment_id", parameters)


def matching(snapshot: Snapshot, filters: Filters, columns: Sequence[str]) -> pa.Table:
    """Return some columns of every shipment that matches, in no order."""
    rows = _completed(snapshot, filters, sorted({*columns, "created_at", "truck_ids", "data_coverage"}))
    condition, parameters = filters.sql()
    if condition == "true":
        return rows.select(list(columns))
    with _Asking(rows) as ask:
        return ask.arrow(f"FROM shipments WHERE {condition}", parameters).select(list(columns))


def _completed(snapshot: Snapshot, filters: Filters, columns: Sequence[str]) -> pa.Table:
    """Return columns of what the files hold that may match, with what was decided."""
    needed = dict.fromkeys((*columns, *decisions.NEEDS))
    return decisions.added(snapshot, snapshot.rows(SHIPMENT_ANALYTICS, list(needed), filters.pruning()))


def facets(snapshot: Snapshot) -> Facets:
    """Return the types and cities that there are."""
    names = ("shipment_type", "origin_city", "destination_city")
    rows = snapshot.rows(SHIPMENT_ANALYTICS, names)
    kinds, origins, destinations = (sorted(pc.unique(rows[name].drop_null()).to_pylist()) for name in names)
    return Facets(kinds, origins, destinations)


class _Asking:
    """SQL over rows at hand, and over nothing else."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def __enter__(self) -> _Asking:
        self._connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false", "threads": "2"})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false")
        self._connection.register("shipments", self._rows)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def arrow(self, sql: str, parameters: dict[str, Any]) -> pa.Table:
        return self._connection.sql(sql, params=parameters).to_arrow_table()

    def __call__(self, sql: str, parameters: dict[str, Any]) -> list[Row]:
        rows: list[Row] = self.arrow(sql, parameters).to_pylist()
        return rows
