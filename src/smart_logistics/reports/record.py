"""The sections about the record itself: which shipment, which limits, what was measured, and how good the data are."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean, median

from smart_logistics.contracts.rules import MAJOR_BELOW_C, MINOR_BELOW_C
from smart_logistics.reports import chart, kinetics
from smart_logistics.reports.document import Chart, Facts, Grid, Part, Section, Text
from smart_logistics.reports.words import NOTHING, Clock, minutes, number, share, text
from smart_logistics.views.assessment import has_low_coverage
from smart_logistics.views.journey import Excluded, Reading
from smart_logistics.views.shipment import Shipment


def identity(found: Shipment, customer: str | None, clock: Clock) -> Section:
    """Who sent what to whom, where, when, in which trucks."""
    row = found.row
    facts = (
        ("Shipment", text(row["shipment_id"])),
        ("Order", text(row["order_id"])),
        ("Customer", f"{text(customer)} ({text(row['customer_id'])})"),
        ("Shipment type", text(row["shipment_type"])),
        ("Status", text(row["status"])),
        ("From", text(row["origin_city"])),
        ("To", text(row["destination_city"])),
        ("Journey", f"{clock.at(row['trip_start'])} to {clock.at(row['trip_end'])}"),
        ("Duration", minutes(row["trip_duration_minutes"])),
        ("Delivery expected", clock.at(row["expected_delivery_at"])),
        ("Delivered", clock.at(row["actual_delivery_at"])),
    )
    legs = tuple(
        (text(leg.truck_id), text(leg.driver), clock.at(leg.starts_at), clock.at(leg.ends_at), text(leg.status))
        for leg in found.legs
    )
    history = tuple(
        (text(one["status"]), clock.at(one["effective_start_ts"]), clock.at(one["effective_end_ts"]))
        for one in found.history
    )
    return Section(
        "Shipment",
        (
            Facts(facts),
            Grid(("Truck", "Driver", "From", "Until", "Assignment"), legs, "No truck is assigned.", (3, 3, 5, 5, 2)),
            Grid(("Status", "From", "Until"), history, "No status is known.", (3, 4, 4)),
        ),
    )


def limits(found: Shipment) -> Section:
    """What the readings are judged by."""
    row = found.row
    longest = NOTHING if found.max_excursion_minutes is None else f"{found.max_excursion_minutes} min"
    facts = (
        ("Lower limit", number(row["min_threshold"], "°C")),
        ("Upper limit", number(row["max_threshold"], "°C")),
        ("Excursion is prolonged above", longest),
        ("A reading holds for at most", minutes(found.hold)),
        (
            "Severity",
            f"deviation from the limits up to {MINOR_BELOW_C:g} °C Minor, up to {MAJOR_BELOW_C:g} °C Major, above "
            "Critical; Critical, too, where an excursion is prolonged",
        ),
    )
    return Section(
        "Limits", (Facts(facts), Text("They are those of the shipment type. The product's own label goes before them."))
    )


def summary(found: Shipment, clock: Clock) -> Section:
    """The whole record in figures, day by day, and as a curve."""
    row = found.row
    facts = (
        ("Readings that count", number(row["reading_count"])),
        ("First reading", clock.at(row["first_reading_at"])),
        ("Last reading", clock.at(row["last_reading_at"])),
        ("Lowest", number(row["min_temperature"], "°C")),
        ("Highest", number(row["max_temperature"], "°C")),
        ("Mean", number(row["avg_temperature"], "°C")),
        ("Variance", number(row["temperature_variance"], "°C²")),
        ("Mean kinetic temperature", number(row["mean_kinetic_temperature"], "°C")),
        ("Journey covered by readings", share(row["data_coverage"])),
        ("Readings beyond the limits", number(row["violation_count"])),
        ("Greatest deviation", number(row["max_deviation"], "°C")),
        ("Excursions", number(row["excursion_count"])),
        ("Time in excursions", minutes(row["excursion_minutes"])),
        ("Longest excursion", minutes(row["longest_excursion_minutes"])),
        ("Severity", text(row["alert_severity"])),
        ("Severity of the mean", text(row["avg_temperature_severity"])),
    )
    days: dict[date, list[Reading]] = defaultdict(list)
    for one in found.readings:
        days[one.at.date()].append(one)
    by_day = tuple(
        (
            day.isoformat(),
            number(len(of)),
            number(min(temperatures), "°C"),
            number(fmean(temperatures), "°C"),
            number(max(temperatures), "°C"),
            number(sum(bool(one.deviation) for one in of)),
        )
        for day, of in sorted(days.items())
        for temperatures in [[one.temperature for one in of]]
    )
    head = ("Day (UTC)", "Readings", "Lowest", "Mean", "Highest", "Beyond the limits")
    drawn = (Chart(chart.specification(found), chart.told(found)),) if found.readings else ()
    return Section("The whole record", (Facts(facts), *drawn, Grid(head, by_day, "No reading.", (3, 2, 2, 2, 2, 3))))


def kinetic(found: Shipment) -> Section:
    """The mean kinetic temperature, how it is worked out, and whether a second way gives the same."""
    told = found.row["mean_kinetic_temperature"]
    again = kinetics.mean_kinetic_temperature(found.readings, found.hold)
    facts = (
        ("As in gold.shipment_analytics", number(told, "°C", 6)),
        ("Worked out again from the readings of this report", number(again, "°C", 6)),
    )
    parts: list[Part] = [
        Text(kinetics.FORMULA, strong=True),
        Text(kinetics.EXPLAINED.format(hold=minutes(found.hold))),
        Facts(facts),
        Text(
            "It is that of the whole journey. USP <1079.2> looks at 24 hours for 2 to 8 °C and at 30 days for "
            "controlled room temperature, and at high excursions only; it is no decision about release by itself."
        ),
    ]
    if not kinetics.agrees(told, again):
        parts.append(Text("The two differ: the readings are not those that the table was computed from.", strong=True))
    return Section("Mean kinetic temperature", tuple(parts))


def quality(found: Shipment, clock: Clock) -> Section:
    """What is missing, what was excluded and why: how far the record can be relied upon."""
    row = found.row
    intervals = [(then.at - one.at) for one, then in pairwise(found.readings)]
    facts = (
        ("Readings that count", number(len(found.readings))),
        (
            "Usual time between two",
            minutes(median(gap / timedelta(minutes=1) for gap in intervals)) if intervals else NOTHING,
        ),
        ("Longest time between two", minutes(max(intervals)) if intervals else NOTHING),
        ("Gaps without readings", number(len(found.gaps))),
        ("Time in gaps", minutes(sum((gap.end - gap.start for gap in found.gaps), timedelta()))),
        ("Before the first reading", _edge(found, first=True)),
        ("After the last reading", _edge(found, first=False)),
        ("Readings excluded as outliers", number(sum(one.where == "outlier" for one in found.excluded))),
        ("Records rejected", number(sum(one.where != "outlier" for one in found.excluded))),
    )
    parts: list[Part] = [Facts(facts)]
    if not found.readings:
        parts.append(Text("No reading of the journey is there: nothing is known of its temperatures.", strong=True))
    elif has_low_coverage(row):
        parts.append(
            Text(
                "Readings cover too little of the journey to say that it was within its limits. What happened in "
                "the time that they do not cover is not known.",
                strong=True,
            )
        )
    if row["reading_count"] != len(found.readings):
        parts.append(
            Text(
                f"The figures of the record were computed from {number(row['reading_count'])} readings, and there are "
                f"{number(len(found.readings))} now: data came since. The next run of the pipeline computes it again.",
                strong=True,
            )
        )
    gaps = tuple((clock.at(gap.start), clock.at(gap.end), minutes(gap.minutes)) for gap in found.gaps)
    parts.append(Grid(("Last reading before", "First reading after", "Gap"), gaps, "No gap.", (4, 4, 2)))
    parts += _excluded(found.excluded, clock)
    return Section("Data quality", tuple(parts))


def _edge(found: Shipment, *, first: bool) -> str:
    start, end = found.row["trip_start"], found.row["trip_end"]
    if not found.readings or (start if first else end) is None:
        return NOTHING
    return minutes(found.readings[0].at - start if first else end - found.readings[-1].at)


def _excluded(excluded: list[Excluded], clock: Clock) -> list[Grid]:
    reasons = Counter(one.reason for one in excluded)
    counted = tuple((text(reason), number(count)) for reason, count in sorted(reasons.items()))
    # Whatever order the files of a table are read in, the report is the same.
    ordered = sorted(excluded, key=lambda one: (one.at is None, str(one.at), one.truck_id, one.where, one.explanation))
    rows = tuple(
        (
            clock.at(one.at),
            text(one.truck_id),
            number(one.temperature, "°C"),
            text(one.reason),
            text(one.explanation),
            text(one.source_file if one.where == "outlier" else one.where),
        )
        for one in ordered
    )
    head = ("Time", "Truck", "Said", "Reason", "In words", "File, position")
    return [
        Grid(("Reason of exclusion", "Readings"), counted, "No reading was excluded or rejected.", (5, 2)),
        *([Grid(head, rows, "", (4, 3, 2, 4, 5, 5))] if rows else []),
    ]
