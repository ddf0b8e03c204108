"""The words and numbers of the business rules: statuses, reasons, bands, limits. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHIPMENT_STATUSES = (
    "Created",
    "Assigned",
    "In Transit",
    "Out for Delivery",
    "Delivered",
    "Cancelled",
    "Returned",
    "Failed Delivery",
)
ASSIGNMENT_STATUSES = ("ACTIVE", "COMPLETED", "CANCELLED")
CANCELLED_ASSIGNMENT = "CANCELLED"


@dataclass(frozen=True)
class OneOf:
    """The column holds one of these words."""

    column: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class NotNegative:
    """The column is 0 or more."""

    column: str


@dataclass(frozen=True)
class InOrder:
    """The column ``low`` is not beyond the column ``high``."""

    low: str
    high: str


RowRule = OneOf | NotNegative | InOrder
# By source table, in the order in which they apply; null breaks none.
BUSINESS_RULES: dict[str, tuple[RowRule, ...]] = {
    "orders": (NotNegative("total_amount"),),
    "shipment_types": (InOrder("min_temperature", "max_temperature"),),
    "shipments": (OneOf("status", SHIPMENT_STATUSES),),
    "shipment_status_events": (OneOf("status", SHIPMENT_STATUSES),),
    "truck_assignments": (
        OneOf("status", ASSIGNMENT_STATUSES),
        InOrder("assignment_start_time", "assignment_end_time"),
    ),
}

EARLIEST_READING = "2000-01-01T00:00:00"
TEMPERATURE_RANGE_C = (-40.0, 60.0)
LATITUDE_LIMIT = 90.0
LONGITUDE_LIMIT = 180.0
NEIGHBOUR_HOURS = 6
SPEED_LIMIT_KMH = 150.0
EARTH_RADIUS_KM = 6371.0088
MKT_ACTIVATION_KELVIN = 10_000.0
ZERO_CELSIUS_KELVIN = 273.15
MINOR_BELOW_C = 2.0
MAJOR_BELOW_C = 5.0
# A shipment whose readings cover less of its journey is never called compliant.
ENOUGH_COVERAGE = 0.98

# What Python's str.strip() removes; Spark's trim() knows the space only.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class Reason(Enum):
    """Why a record is in the dead letter, in the order in which the rules apply."""

    MALFORMED_JSON = "is not a JSON object"
    SCHEMA_VALIDATION_FAILED = "has a value of the wrong type, an unreadable timestamp, or a number beyond a double"
    NULL_CRITICAL_FIELD = "lacks a field that it cannot do without"
    BUSINESS_RULE_VIOLATION = "breaks a business rule"
    INVALID_FOREIGN_KEY = "names a parent that is not in Silver"
    DUPLICATE_DETECTED = "repeats a record that came first"
    OUTLIER_DETECTED = "is an outlier by a rule of this site"
    LATE_ARRIVAL = "came later than a rule of this site allows"


class Reprocessing(Enum):
    """Where a dead letter stands. Open are PENDING and REVIEWED."""

    PENDING = "PENDING"
    REVIEWED = "REVIEWED"
    REPROCESSED = "REPROCESSED"
    DISCARDED = "DISCARDED"


# Ends the detail of a letter that a newer version of its record closed.
SUPERSEDED = "; superseded"
# Ends the detail of a letter whose record was found valid when its layer was made again: it is in Silver itself.
VALID_AGAIN = "; valid when made again"
OPEN = (Reprocessing.PENDING.value, Reprocessing.REVIEWED.value)


class OutlierReason(Enum):
    """Why a reading does not count, in the order in which the rules apply."""

    TEMPERATURE_RANGE = "temperature below -40 or above 60 °C"
    GPS_RANGE = "latitude outside ±90 or longitude outside ±180"
    SPEED = "faster than 150 km/h to every neighbour"


class AlertSeverity(Enum):
    """Bands of the deviation from the limits."""

    NONE = "None"
    MINOR = "Minor"
    MAJOR = "Major"
    CRITICAL = "Critical"
