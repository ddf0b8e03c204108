"""What Gold says, for a person: printed at the end of the demo."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smart_logistics.cli.rendering import visible
from smart_logistics.contracts.rules import AlertSeverity
from smart_logistics.fleet.geography import nearest_city
from smart_logistics.fleet.manifest import Observed
from smart_logistics.lake.sql import query
from smart_logistics.settings import Settings

WORST = 5
_WIDTH = 160
_COLOURS = {"None": "green", "Minor": "yellow", "Major": "dark_orange", "Critical": "red"}
_VERDICTS = {"pass": "green", "warn": "yellow", "fail": "red"}
_SHIPMENTS = """
SELECT alert_severity, count(*) AS n, count(*) FILTER (reading_count > 0) AS measured,
       count(*) FILTER (is_on_time) AS on_time, count(is_on_time) AS arrived,
       sum(excursion_count) AS excursions, sum(excursion_minutes) AS minutes
FROM gold.shipment_analytics GROUP BY ALL
"""
_EXCURSIONS = f"""
SELECT e.*, s.shipment_type, s.destination_city
FROM gold.temperature_excursions e LEFT JOIN gold.shipment_analytics s USING (shipment_id)
ORDER BY list_position({[one.value for one in AlertSeverity]}, e.severity) DESC, e.peak_deviation DESC, e.minutes DESC,
         e.shipment_id, e.excursion_no
LIMIT {WORST}
"""  # noqa: S608 - numbers and words of our own
_REJECTIONS = """
SELECT source_table || '.' || rejection_reason AS name, count(*) AS n
FROM bronze.rejected_records GROUP BY ALL ORDER BY n DESC, name
"""
_OUTLIERS = "SELECT outlier_reason AS name, count(*) AS n FROM silver.iot_telemetry WHERE is_outlier GROUP BY ALL"
_FILES = "SELECT status AS name, count(*) AS n FROM bronze.processed_files_log GROUP BY ALL"
_CHECKS = "SELECT * FROM ops.dq_metrics ORDER BY severity, status, layer, table_name, check_name"


def _rows(lakehouse: str, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query(lakehouse, sql).to_pylist()
    return rows


def _safe(text: str) -> str:
    """Return data as text that neither the terminal nor the markup takes for an instruction."""
    return escape(visible(text))


def _counts(lakehouse: str, sql: str) -> dict[str, int]:
    return {row["name"]: row["n"] for row in _rows(lakehouse, sql)}


def _number(lakehouse: str, table: str) -> int:
    return int(query(lakehouse, " ".join(("SELECT count(*) AS n FROM", table)))["n"][0].as_py())


def console() -> Console:
    """Return a console on stdout that breaks no line of text, and whose tables have room where nobody looks."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)


def observe(lakehouse: str) -> Observed:
    """Return the numbers that the seed's manifest tells as well."""
    alerts = {row["alert_severity"]: row["n"] for row in _rows(lakehouse, _SHIPMENTS)}
    return Observed(
        shipments=sum(alerts.values()),
        alerts=alerts,
        excursions=_number(lakehouse, "gold.temperature_excursions"),
        rejections=_counts(lakehouse, _REJECTIONS),
        outliers=_counts(lakehouse, _OUTLIERS),
        silver_readings=_number(lakehouse, "silver.iot_telemetry"),
        files=_counts(lakehouse, _FILES),
    )


def show(lakehouse: str, run_id: str, console: Console) -> None:
    """Print what Gold, the dead letter and the checks of a run say."""
    console.rule("Gold")
    _show_shipments(_rows(lakehouse, _SHIPMENTS), console)
    _show_excursions(_rows(lakehouse, _EXCURSIONS), console)
    rejected = _counts(lakehouse, _REJECTIONS)
    console.rule("Not in Gold")
    _show_counts("rejected (bronze.rejected_records)", rejected, console)
    _show_counts("outliers (kept in silver.iot_telemetry, left out of Gold)", _counts(lakehouse, _OUTLIERS), console)
    show_checks_of(lakehouse, run_id, console)


def show_checks_of(lakehouse: str, run_id: str, console: Console) -> None:
    """Print the verdict of a run's checks, and those that do not pass."""
    console.rule("Data quality")
    _show_checks([row for row in _rows(lakehouse, _CHECKS) if row["run_id"] == run_id], console)


def _show_shipments(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    by_severity = {row["alert_severity"]: row for row in rows}
    table = Table("alert", "shipments", "excursions", "hours outside the limits", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for severity in (one.value for one in AlertSeverity):
        row = by_severity.get(severity, {"n": 0, "excursions": 0, "minutes": 0})
        hours = f"{(row['minutes'] or 0) / 60:.1f}"
        table.add_row(f"[{_COLOURS[severity]}]{severity}[/]", str(row["n"]), str(row["excursions"] or 0), hours)
    total, measured, on_time, arrived = (
        sum(row[name] for row in rows) for name in ("n", "measured", "on_time", "arrived")
    )
    share = f", {on_time} of {arrived} delivered on time" if arrived else ""
    console.print(f"{total} shipments, {measured} with readings{share}")
    console.print(table, soft_wrap=False)


def _show_excursions(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not rows:
        console.print("No excursion.")
        return
    names = ("shipment", "goods", "severity", "truck", "peak, UTC", "°C", "beyond limit", "lasted", "where")
    table = Table(*names, title=f"The worst {len(rows)} excursions", title_justify="left")
    for row in rows:
        severity = row["severity"]
        table.add_row(
            _safe(row["shipment_id"]),
            _safe(row["shipment_type"] or "?"),
            f"[{_COLOURS.get(severity, 'white')}]{severity}[/]",
            _safe(row["truck_id"]),
            f"{row['peak_at']:%d %b %H:%M}",
            f"{row['peak_temperature']:.1f}",
            f"{row['peak_deviation']:.1f} °C",
            _lasted(row["minutes"]),
            place(row["peak_latitude"], row["peak_longitude"], row["destination_city"]),
        )
    console.print(table, soft_wrap=False)


def _lasted(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def place(latitude: float | None, longitude: float | None, destination: str | None) -> str:
    """Return where that is in words: near which city, with the coordinates; else where the shipment was going."""
    if latitude is None or longitude is None:
        return f"position unknown, on the way to {_safe(destination or '?')}"
    city, km = nearest_city(latitude, longitude)
    near = f"in {city}" if km < 5 else f"{km:.0f} km from {city}"
    return f"{near} ({latitude:.3f}, {longitude:.3f})"


def _show_counts(title: str, counts: Mapping[str, int], console: Console) -> None:
    console.print(f"{sum(counts.values())} {title}")
    for name, count in counts.items():
        console.print(f"  {count:5}  {_safe(name)}")


def _show_checks(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not rows:
        console.print("[yellow]This run recorded no checks.[/]")
        return
    counts = {status: sum(row["status"] == status for row in rows) for status in _VERDICTS}
    verdict = next(status for status in ("fail", "warn", "pass") if counts[status])
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    console.print(f"verdict [{_VERDICTS[verdict]}]{verdict}[/]: {told}")
    for row in rows:
        if row["status"] != "pass":
            name = _safe(f"{row['layer']}.{row['table_name']} {row['check_name']}")
            measured = f"{_figure(row['value'])} (limit {row['threshold']:g})"
            console.print(f"  [{_VERDICTS[row['status']]}]{row['status']}[/]  {name} = {measured}; ", end="")
            console.print(visible(row["detail"]), markup=False)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show_comparison(differences: Sequence[str], console: Console) -> None:
    """Print whether the numbers are those that the seed planted."""
    if not differences:
        console.print("[green]All numbers are as planted[/] by the seed (seed-manifest.json).")
        return
    console.print("[red]Not what the seed planted:[/]")
    for difference in differences:
        console.print(f"  {difference}", markup=False)


def show_places(settings: Settings, console: Console) -> None:
    """Print where to look next, and how to stop."""
    from smart_logistics.stack import airflow
    from smart_logistics.stack.connections import airflow_api
    from smart_logistics.stack.home import Home
    from smart_logistics.stack.status import services

    address, _, _ = airflow_api(settings)
    own, *people = airflow.told(settings, Home.of(settings))
    console.rule("Look around")
    console.print(f"Airflow       {address}  {own}", markup=False)
    for line in people:
        console.print(f"              {line}", markup=False)
    for service in services(settings):
        if service.url and service.name.startswith("spark-"):
            console.print(f"{service.name.replace('-', ' ').capitalize():<13} {service.url}", markup=False)
    console.print('Ask           logistics query "SELECT * FROM gold.shipment_analytics LIMIT 5"', markup=False)
    console.print("Stop          logistics down", markup=False)
