"""What a shipment's row says, in words: never that all is well where the data do not show it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from smart_logistics.contracts.rules import ENOUGH_COVERAGE, AlertSeverity

SEVERITIES = tuple(severity.value for severity in AlertSeverity)
# Those that are an alert, the least first.
ALERTS = tuple(name for name in SEVERITIES if name != AlertSeverity.NONE.value)


class Assessment(Enum):
    """What can be said of a shipment's temperatures."""

    OUTSIDE = "outside its limits"
    UNPROVEN = "no excursion seen, but the readings do not cover the journey"
    UNKNOWN = "no readings: nothing is known"
    WITHIN = "within its limits"


def has_low_coverage(row: Mapping[str, Any]) -> bool:
    """Return whether readings cover less of the journey than a statement about it needs; also where none is there."""
    coverage = row["data_coverage"]
    return coverage is None or coverage < ENOUGH_COVERAGE


def assess(row: Mapping[str, Any]) -> Assessment:
    """Return what a Gold row says; the first that applies."""
    if row["temperature_alert"]:
        return Assessment.OUTSIDE
    if not row["reading_count"]:
        return Assessment.UNKNOWN
    return Assessment.UNPROVEN if has_low_coverage(row) else Assessment.WITHIN


def what_to_check(row: Mapping[str, Any], decision: str, excluded: int, gaps: int) -> list[str]:
    """Return what a person should look at, the most pressing first.

    Args:
        row: the shipment's Gold row.
        decision: what was decided about all its excursions; empty while one is open.
        excluded: how many readings of its journey do not count.
        gaps: how many times no reading came for longer than one holds.
    """
    steps = []
    if row["temperature_alert"] and decision:
        steps.append(f"See that the goods are treated as was decided: {decision}.")
    elif row["alert_severity"] == AlertSeverity.CRITICAL.value:
        steps.append("Hold the goods until quality assurance has decided: an excursion is critical.")
    elif row["temperature_alert"]:
        steps.append("Ask quality assurance for a decision: there was an excursion.")
    if row["temperature_alert"]:
        steps.append("Compare the time and place of each excursion with the status history and the changes of truck.")
        steps.append("Compare with the product's own stability data; the limits here are those of the shipment type.")
    if row["min_threshold"] is None or row["max_threshold"] is None:
        steps.append("Ask for the limits of the shipment type: without them no reading can be judged.")
    if not row["reading_count"]:
        steps.append("Ask the carrier for the logger's own record: no reading of the journey came in.")
    elif has_low_coverage(row):
        steps.append("Ask the carrier for the logger's own record: readings cover too little of the journey.")
    if gaps:
        steps.append(f"Look at what happened in the {gaps} {'gap' if gaps == 1 else 'gaps'} without readings.")
    if excluded:
        word = "reading" if excluded == 1 else "readings"
        steps.append(f"Look at the {excluded} {word} of the journey that do not count, and at why.")
    return steps or ["Nothing: no excursion, and the readings cover the journey."]


def route(row: Mapping[str, Any]) -> str:
    """Return from where to where a shipment goes."""
    return f"{row['origin_city'] or '?'} → {row['destination_city'] or '?'}"
