"""What goes wrong on the way, each with its limits in mind: the excursions that are planted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from smart_logistics.contracts.rules import AlertSeverity


class Place(Enum):
    """Where on the trip an excursion lies."""

    MIDWAY = "somewhere in the middle"
    AFTER_HANDOVER = "on the second truck"
    ACROSS_HANDOVER = "from the first truck to the second"
    AT_THE_END = "up to the last reading, which holds nothing"
    NOW = "under way when wave 1 ends; worse in wave 2"
    WITHHELD = "among readings that come with wave 2 only"


@dataclass(frozen=True)
class Scenario:
    """One planted excursion: ``readings`` in a row, ``cadence`` minutes apart, at most ``deviation`` °C beyond a limit.

    A negative deviation is below the lower limit. ``exact`` times have no jitter. ``silence`` is a hole of that many
    minutes after the second reading: longer than a reading holds. ``again`` is the deviation of a second, shorter one.
    """

    type_name: str
    cadence: int
    readings: int
    deviation: float
    place: Place = Place.MIDWAY
    exact: bool = False
    silence: int = 0
    again: float = 0.0


MINOR = (
    Scenario("Refrigerated", 15, 3, 1.4),
    Scenario("Refrigerated", 10, 4, 2.0),  # exactly at the band's edge
    Scenario("Frozen", 10, 3, 1.5, exact=True),  # exactly 30 minutes: not yet prolonged
    Scenario("Pharmaceutical", 10, 2, -1.2),
    Scenario("Perishable", 15, 3, 0.8),
    Scenario("Ambient", 20, 6, 1.9),
    Scenario("Dry Goods", 30, 5, 1.1),
    Scenario("Pharmaceutical", 10, 3, 0.6, Place.AT_THE_END),
    Scenario("Perishable", 20, 2, 1.7),
)
MAJOR = (
    Scenario("Refrigerated", 10, 5, 3.4),
    Scenario("Refrigerated", 15, 3, 5.0),  # exactly at the band's edge
    Scenario("Frozen", 10, 2, 4.2),
    Scenario("Ambient", 30, 5, -3.8),
    Scenario("Perishable", 20, 2, 2.6, again=1.0),
    Scenario("Pharmaceutical", 10, 2, 4.9),
    Scenario("Refrigerated", 10, 4, 3.0, Place.ACROSS_HANDOVER),
)
CRITICAL = (
    Scenario("Pharmaceutical", 10, 8, 9.5, Place.AFTER_HANDOVER),
    Scenario("Frozen", 15, 6, 11.2),
    Scenario("Perishable", 20, 7, 8.3),
    Scenario("Refrigerated", 20, 12, 13.6),
    Scenario("Pharmaceutical", 10, 9, -5.6),
)
# Within Minor or Major by their peak, Critical by their length.
PROLONGED = (
    Scenario("Pharmaceutical", 15, 7, 1.6),
    Scenario("Perishable", 20, 10, 2.4),
    Scenario("Frozen", 15, 5, 1.9),
    Scenario("Ambient", 30, 11, 3.1),
    Scenario("Refrigerated", 20, 3, 1.8, silence=100),
)
CLOSED = (*MINOR, *MAJOR, *CRITICAL, *PROLONGED)
LATE = Scenario("Refrigerated", 10, 3, 2.7, Place.WITHHELD)
"""No alert in wave 1; Major once the withheld readings have come."""
RUNNING = Scenario("Perishable", 10, 3, 1.1, Place.NOW)
"""Minor when wave 1 ends, Critical with wave 2."""
RUNNING_LATER = 6.2
"""°C beyond the limit that the running excursion reaches in wave 2."""


def severity(scenario: Scenario, wave: int) -> AlertSeverity:
    """Return the alert that the scenario's shipment must show once ``wave`` has come."""
    if scenario is LATE:
        return AlertSeverity.NONE if wave == 1 else AlertSeverity.MAJOR
    if scenario is RUNNING:
        return AlertSeverity.MINOR if wave == 1 else AlertSeverity.CRITICAL
    if scenario in MINOR:
        return AlertSeverity.MINOR
    return AlertSeverity.MAJOR if scenario in MAJOR else AlertSeverity.CRITICAL


def excursions(scenario: Scenario, wave: int) -> int:
    """Return how many excursions its shipment must show once ``wave`` has come."""
    if scenario is LATE and wave == 1:
        return 0
    return 2 if scenario.again else 1
