"""Gold: the answer for each shipment, each excursion with its place, and the figures of trucks and routes by day.

The figures are sums and counts only: a rate is one of them divided by another, so that days, trucks and routes can be
added up before it is taken. See docs/decisions/0009-figures-by-day.md.
"""

from __future__ import annotations

from smart_logistics.contracts.model import Column, Constraint, Table, in_order, one_of, required, same
from smart_logistics.contracts.rules import AlertSeverity

LAYER = "gold"
# A property of the table: with how many minutes of hold its rows were computed.
HOLD_PROPERTY = "logistics.holdMinutes"
_SEVERITIES = tuple(severity.value for severity in AlertSeverity)

SHIPMENT_ANALYTICS = Table(
    LAYER,
    "shipment_analytics",
    "one row for each shipment in Silver that is not deleted",
    (
        required("shipment_id", "string", "Key of the shipment."),
        Column("order_id", "string"),
        Column("customer_id", "int", "Of the order."),
        Column("shipment_type", "string"),
        Column("status", "string", "Of the current version."),
        Column("origin_city", "string", "City of the origin warehouse."),
        Column("destination_city", "string"),
        required(
            "truck_ids",
            "array<string>",
            "Current license plates, distinct, by (start, assignment_id); empty, not null.",
        ),
        required("driver_ids", "array<int>", "Likewise; null drivers left out."),
        required("assignment_count", "int", "Assignments that count (not cancelled, not deleted)."),
        Column("trip_start", "timestamp", "First start of an assignment."),
        Column("trip_end", "timestamp", "Last end of an assignment; null while one is open."),
        Column("trip_duration_minutes", "double", "From trip_start to trip_end."),
        Column("expected_delivery_at", "timestamp"),
        Column("actual_delivery_at", "timestamp"),
        Column("delivery_delay_minutes", "double", "Actual minus expected; early is negative."),
        Column("is_on_time", "boolean", "Delay of at most 0; null while a date is missing."),
        required("reading_count", "bigint", "Readings that count."),
        Column("avg_temperature", "double", "°C."),
        Column("min_temperature", "double", "°C."),
        Column("max_temperature", "double", "°C."),
        Column("temperature_variance", "double", "Sample variance, °C²; null below two readings."),
        Column("mean_kinetic_temperature", "double", "°C, ΔH/R = 10,000 K, weighted by time."),
        Column("data_coverage", "double", "Covered time ÷ time of the trip; null where that is not positive."),
        Column("min_threshold", "double", "°C, of the shipment type."),
        Column("max_threshold", "double", "°C, of the shipment type."),
        required("violation_count", "bigint", "Readings outside the limits."),
        Column("max_deviation", "double", "Greatest distance to the limits, °C."),
        required("excursion_count", "bigint", "Maximal runs of violating readings."),
        required("excursion_minutes", "double", "Sum over the excursions."),
        required("longest_excursion_minutes", "double", "Longest of the excursions."),
        required("temperature_alert", "boolean", "alert_severity is not None."),
        required("alert_severity", "string", "None, Minor, Major or Critical."),
        required("avg_temperature_severity", "string", "The same bands on the average's deviation."),
        Column("first_reading_at", "timestamp"),
        Column("last_reading_at", "timestamp"),
        Column("created_at", "timestamp", "Of the shipment."),
        required("updated_at", "timestamp", "When this row last changed."),
        required("year", "int", "UTC year of created_at."),
        required("month", "int", "UTC month of created_at."),
    ),
    key=("shipment_id",),
    partitions=("year", "month"),
    clustered_by=("shipment_id",),
    apps=("gold_aggregate",),
    constraints=(
        one_of("alert_severity", _SEVERITIES),
        one_of("avg_temperature_severity", _SEVERITIES),
        same("temperature_alert", "alert_severity <> 'None'", "alert_severity = 'None'"),
        in_order("violation_count", "reading_count"),
        in_order("excursion_count", "violation_count"),
        in_order("min_temperature", "max_temperature"),
        in_order("longest_excursion_minutes", "excursion_minutes"),
        Constraint(
            "measured",
            "reading_count = 0 AND avg_temperature IS NULL OR reading_count > 0 AND avg_temperature IS NOT NULL",
        ),
    ),
)

TEMPERATURE_EXCURSIONS = Table(
    LAYER,
    "temperature_excursions",
    "one row for each excursion of a shipment",
    (
        required("shipment_id", "string"),
        required("truck_id", "string", "License plate at the peak."),
        required("excursion_no", "int", "1..n in the order of time."),
        required("started_at", "timestamp", "First violating reading."),
        required("ended_at", "timestamp", "Last violating reading plus its hold."),
        required("minutes", "double", "Sum of the holds of its readings."),
        required("reading_count", "bigint", "Violating readings."),
        required("peak_temperature", "double", "°C at the greatest deviation."),
        required("peak_deviation", "double", "°C beyond the limit."),
        required("peak_at", "timestamp", "Earliest reading of the greatest deviation."),
        Column("peak_latitude", "double", "Where that was."),
        Column("peak_longitude", "double", "Where that was."),
        required("severity", "string", "Bands on peak_deviation; Critical where prolonged."),
        required("year", "int", "UTC year of the shipment's created_at."),
        required("month", "int", "UTC month of the shipment's created_at."),
    ),
    key=("shipment_id", "excursion_no"),
    partitions=("year", "month"),
    clustered_by=("shipment_id",),
    apps=("gold_aggregate",),
    constraints=(
        one_of("severity", _SEVERITIES[1:]),
        Constraint("number_positive", "excursion_no >= 1"),
        Constraint("violates", "reading_count >= 1 AND peak_deviation > 0"),
        in_order("started_at", "ended_at"),
    ),
)

FLEET_DAILY = Table(
    LAYER,
    "fleet_daily",
    "one row for each truck and UTC day on which it sent a reading, began a trip, delivered, or had an excursion begin",
    (
        required("truck_id", "string", "License plate."),
        required("day", "date", "UTC."),
        required(
            "shipments", "bigint", "Shipments whose trip (trip_start) began that day with this truck, their first."
        ),
        required("reading_count", "bigint", "Readings that the truck sent of that day, outliers among them."),
        required("outlier_count", "bigint", "Outliers among them."),
        required(
            "covered_minutes",
            "double",
            "Time that readings cover, outliers left out: each until the next of the day, at most HOLD_MINUTES.",
        ),
        required("excursion_count", "bigint", "Excursions that began that day and had their peak in this truck."),
        required("excursion_minutes", "double", "Their minutes, whole, also those after midnight."),
        required("minor_excursions", "bigint", "Of severity Minor."),
        required("major_excursions", "bigint", "Of severity Major."),
        required("critical_excursions", "bigint", "Of severity Critical."),
        Column("max_deviation", "double", "Greatest peak_deviation among them, °C; null where there is none."),
        required(
            "deliveries",
            "bigint",
            "Shipments delivered (actual_delivery_at) that day by this truck, the last of truck_ids, of which both "
            "dates are known.",
        ),
        required("on_time_deliveries", "bigint", "Of them not late."),
        required("delay_minutes", "double", "Sum of their delivery_delay_minutes; early is negative."),
        required("updated_at", "timestamp", "When this row last changed."),
        required("year", "int", "Of day."),
        required("month", "int", "Of day."),
    ),
    key=("truck_id", "day"),
    partitions=("year", "month"),
    clustered_by=("truck_id",),
    apps=("gold_aggregate",),
    constraints=(
        in_order("outlier_count", "reading_count"),
        in_order("on_time_deliveries", "deliveries"),
        Constraint("severities", "excursion_count = minor_excursions + major_excursions + critical_excursions"),
        Constraint("not_empty", "shipments > 0 OR reading_count > 0 OR excursion_count > 0 OR deliveries > 0"),
    ),
    near="day",
)

ROUTE_DAILY = Table(
    LAYER,
    "route_daily",
    "one row for each origin city, destination city and UTC day on which a shipment of that route was created",
    (
        Column("origin_city", "string", "City of the origin warehouse; null where that is unknown."),
        Column("destination_city", "string"),
        required("day", "date", "UTC day of the shipments' created_at."),
        required("shipments", "bigint", "Shipments created that day: what follows is of these, whenever it happened."),
        required("deliveries", "bigint", "Of which both delivery dates are known."),
        required("on_time_deliveries", "bigint", "Of the deliveries not late."),
        required("delay_minutes", "double", "Sum of the deliveries' delivery_delay_minutes; early is negative."),
        required("excursion_count", "bigint", "Excursions of these shipments."),
        required("excursion_minutes", "double", "Their minutes."),
        required("minor_alerts", "bigint", "Shipments of alert_severity Minor."),
        required("major_alerts", "bigint", "Shipments of alert_severity Major."),
        required("critical_alerts", "bigint", "Shipments of alert_severity Critical."),
        required("updated_at", "timestamp", "When this row last changed."),
        required("year", "int", "Of day."),
        required("month", "int", "Of day."),
    ),
    key=("origin_city", "destination_city", "day"),
    partitions=("year", "month"),
    clustered_by=("origin_city",),
    apps=("gold_aggregate",),
    constraints=(
        Constraint("shipments_positive", "shipments > 0"),
        in_order("deliveries", "shipments"),
        in_order("on_time_deliveries", "deliveries"),
        Constraint("alerts", "minor_alerts + major_alerts + critical_alerts <= shipments"),
    ),
    near="day",
)

TABLES: tuple[Table, ...] = (SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS, FLEET_DAILY, ROUTE_DAILY)
