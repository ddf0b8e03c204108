"""Contract §5, Gold: ``shipment_analytics`` and ``temperature_excursions``, from the rows of Silver."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from math import exp, fsum, log
from typing import Any

from tests.oracle.compare import AnyOf
from tests.oracle.model import Row, Rules
from tests.oracle.rows import Kept

ACTIVATION_KELVIN = 10_000.0
ZERO_CELSIUS = 273.15
NOTHING = timedelta(0)
MINUTE = timedelta(minutes=1)
ROUNDING = 1e-9


@dataclass(frozen=True)
class Point:
    """A reading of a shipment: how far beyond the limits it is (°C), and how long it holds."""

    reading: Row
    deviation: float
    holds: timedelta

    @property
    def at(self) -> datetime:
        moment: datetime = self.reading["event_ts"]
        return moment


def gold(
    silver: Mapping[str, Mapping[Any, Kept]], versions: Iterable[Row], telemetry: Iterable[Row], rules: Rules
) -> tuple[list[Row], list[Row]]:
    """Return the rows of ``shipment_analytics`` and ``temperature_excursions``; ``versions`` are Silver's shipments."""
    readings: dict[str, list[Row]] = defaultdict(list)
    for reading in sorted(telemetry, key=lambda row: row["event_ts"]):
        if not reading["is_outlier"]:
            readings[reading["truck_id"]].append(reading)
    assignments: dict[str, list[Row]] = defaultdict(list)
    for one in silver["truck_assignments"].values():
        if one.row["status"] != "CANCELLED" and one.deleted_at is None:
            plate = silver["vehicles"][one.row["vehicle_id"]].row["license_plate"]
            assignments[one.row["shipment_id"]].append({**one.row, "plate": plate})
    analytics, excursions = [], []
    for shipment in versions:
        if not shipment["is_current"]:
            continue
        own = sorted(
            assignments[shipment["shipment_id"]], key=lambda row: (row["assignment_start_time"], row["assignment_id"])
        )
        kind = silver["shipment_types"][shipment["shipment_type"]].row
        points = hold(
            counted(own, readings), float(kind["min_temperature"]), float(kind["max_temperature"]), rules.hold
        )
        runs = excursions_of(points, kind["max_excursion_minutes"])
        excursions += [{"shipment_id": shipment["shipment_id"], **run} for run in runs]
        analytics.append(
            _facts(shipment, silver)
            | _trip(own, points)
            | _temperatures(points, kind, rules.hold)
            | _alert(points, runs, kind)
        )
    return analytics, excursions


def counted(assignments: Iterable[Row], readings: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Return the readings that fall into the assignments, each once, in the order of time and truck_id."""
    found: dict[tuple[datetime, str], Row] = {}
    for assignment in assignments:
        of_truck = readings.get(assignment["plate"], ())
        start, end = assignment["assignment_start_time"], assignment["assignment_end_time"]
        for reading in of_truck[bisect_left(of_truck, start, key=lambda row: row["event_ts"]) :]:
            if end is not None and reading["event_ts"] >= end:
                break
            found[reading["event_ts"], reading["truck_id"]] = reading
    return [found[key] for key in sorted(found)]


def hold(readings: Sequence[Row], lowest: float, highest: float, longest: timedelta) -> list[Point]:
    """Return readings with their deviation and hold: until the next, at most ``longest``; the last holds 0."""
    holds = [min(later["event_ts"] - earlier["event_ts"], longest) for earlier, later in pairwise(readings)] + [NOTHING]
    return [
        Point(row, deviation(row["temperature"], lowest, highest), held)
        for row, held in zip(readings, holds, strict=False)
    ]


def deviation(temperature: float, lowest: float, highest: float) -> float:
    """Return the distance to [lowest, highest] in °C, 0 inside."""
    return max(lowest - temperature, temperature - highest, 0.0)


def excursions_of(points: Sequence[Point], prolonged_after: int | None) -> list[Row]:
    """Return the maximal runs of consecutive violating readings."""
    runs = [list(group) for violating, group in groupby(points, key=lambda point: point.deviation > 0) if violating]
    result = []
    for number, run in enumerate(runs, 1):
        peak = max(run, key=lambda point: point.deviation)  # the earliest of equals
        held = sum((point.holds for point in run), NOTHING)
        result.append(
            {
                "excursion_no": number,
                "truck_id": peak.reading["truck_id"],
                "started_at": run[0].at,
                "ended_at": run[-1].at + run[-1].holds,
                "minutes": held / MINUTE,
                "reading_count": len(run),
                "peak_temperature": peak.reading["temperature"],
                "peak_deviation": peak.deviation,
                "peak_at": peak.at,
                "peak_latitude": peak.reading["latitude"],
                "peak_longitude": peak.reading["longitude"],
                "severity": "Critical" if _is_prolonged(held, prolonged_after) else band(peak.deviation),
            }
        )
    return result


def band(beyond: float) -> str:
    """Return the severity of a deviation in °C."""
    if beyond <= 0:
        return "None"
    return "Minor" if beyond <= 2 else "Major" if beyond <= 5 else "Critical"


def mean_kinetic_temperature(readings: Sequence[tuple[datetime, float]], longest: timedelta) -> float | None:
    """Return the mean kinetic temperature in °C of (instant, °C) in order of time; None without readings."""
    if not readings:
        return None
    rates = [exp(-ACTIVATION_KELVIN / (celsius + ZERO_CELSIUS)) for _, celsius in readings]
    gaps = [
        (later[0] - earlier[0], (a + b) / 2)
        for (earlier, later), (a, b) in zip(pairwise(readings), pairwise(rates), strict=True)
    ]
    weighted = [(gap / MINUTE, rate) for gap, rate in gaps if NOTHING < gap <= longest]
    if not weighted:
        weighted = [(1.0, rate) for rate in rates]
    mean = fsum(weight * rate for weight, rate in weighted) / fsum(weight for weight, _ in weighted)
    return ACTIVATION_KELVIN / -log(mean) - ZERO_CELSIUS


def _facts(shipment: Row, silver: Mapping[str, Mapping[Any, Kept]]) -> Row:
    warehouse = silver["warehouses"].get(shipment["origin_warehouse_id"])
    expected, actual = shipment["expected_delivery_at"], shipment["actual_delivery_at"]
    delay = None if expected is None or actual is None else (actual - expected) / MINUTE
    same = (
        "shipment_id",
        "order_id",
        "shipment_type",
        "status",
        "destination_city",
        "expected_delivery_at",
        "actual_delivery_at",
        "created_at",
    )
    return {name: shipment[name] for name in same} | {
        "customer_id": silver["orders"][shipment["order_id"]].row["customer_id"],
        "origin_city": None if warehouse is None else warehouse.row["city"],
        "delivery_delay_minutes": delay,
        "is_on_time": None if delay is None else delay <= 0,
        "year": shipment["created_at"].year,
        "month": shipment["created_at"].month,
    }


def _trip(assignments: Sequence[Row], points: Sequence[Point]) -> Row:
    start = min((row["assignment_start_time"] for row in assignments), default=None)
    ends = [row["assignment_end_time"] for row in assignments]
    end = None if not ends or None in ends else max(ends)
    until = end if end is not None else (points[-1].at if points else None)
    covered = sum((point.holds for point in points), NOTHING)
    length = None if start is None or until is None else until - start
    return {
        "truck_ids": list(dict.fromkeys(row["plate"] for row in assignments)),
        "driver_ids": list(dict.fromkeys(row["driver_id"] for row in assignments if row["driver_id"] is not None)),
        "assignment_count": len(assignments),
        "trip_start": start,
        "trip_end": end,
        "trip_duration_minutes": None if start is None or end is None else (end - start) / MINUTE,
        "data_coverage": covered / length if length is not None and length > NOTHING else None,
        "first_reading_at": points[0].at if points else None,
        "last_reading_at": points[-1].at if points else None,
    }


def _temperatures(points: Sequence[Point], kind: Row, longest: timedelta) -> Row:
    lowest, highest = float(kind["min_temperature"]), float(kind["max_temperature"])
    values = [point.reading["temperature"] for point in points]
    mean = fsum(values) / len(values) if values else None
    return {
        "reading_count": len(points),
        "avg_temperature": mean,
        "min_temperature": min(values, default=None),
        "max_temperature": max(values, default=None),
        "temperature_variance": fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        if mean is not None and len(values) > 1
        else None,
        "mean_kinetic_temperature": mean_kinetic_temperature(
            [(point.at, point.reading["temperature"]) for point in points], longest
        ),
        "min_threshold": lowest,
        "max_threshold": highest,
        "avg_temperature_severity": "None" if mean is None else _band_of_mean(mean, lowest, highest),
    }


def _alert(points: Sequence[Point], runs: Sequence[Row], kind: Row) -> Row:
    greatest = max((point.deviation for point in points), default=None)
    lengths = [run["minutes"] for run in runs]
    severity = "None" if greatest is None else band(greatest)
    longest = max(lengths, default=0.0)
    prolonged = kind["max_excursion_minutes"]
    if runs and _is_prolonged(longest * MINUTE, prolonged):
        severity = "Critical"
    return {
        "violation_count": sum(point.deviation > 0 for point in points),
        "max_deviation": greatest,
        "excursion_count": len(runs),
        "excursion_minutes": fsum(lengths),
        "longest_excursion_minutes": longest,
        "temperature_alert": severity != "None",
        "alert_severity": severity,
    }


def _is_prolonged(held: timedelta, after: int | None) -> bool:
    return after is not None and held > after * MINUTE


def _band_of_mean(mean: float, lowest: float, highest: float) -> Any:
    # A mean is rounded differently by whoever sums in another order: at a band's edge both sides are right.
    bands = frozenset(band(deviation(mean + shift, lowest, highest)) for shift in (-ROUNDING, 0.0, ROUNDING))
    return AnyOf(bands) if len(bands) > 1 else next(iter(bands))
