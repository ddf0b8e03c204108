"""Silver: typed, judged, one row for each key; shipments as SCD2; rejected rows are in the dead letter.

Columns that begin with an underscore serve the pipeline, not the reader: ``_changed_at`` is the batch stamp at which
the row last changed (consumers take what is newer than what they have seen), ``_ingested_at`` the extraction of its
version.
"""

from __future__ import annotations

from smart_logistics.contracts.model import Column, Constraint, Table, in_order, one_of, required, same
from smart_logistics.contracts.rules import (
    ASSIGNMENT_STATUSES,
    LATITUDE_LIMIT,
    LONGITUDE_LIMIT,
    SHIPMENT_STATUSES,
    TEMPERATURE_RANGE_C,
    OutlierReason,
)
from smart_logistics.contracts.source import BY_NAME, SHIPMENT_STATUS_EVENTS, SHIPMENTS, SourceTable

LAYER = "silver"

APPS = ("silver_transactional",)
IS_DELETED = required("is_deleted", "boolean", "The row is gone from the source.")
DELETED_AT = Column("_deleted_at", "timestamp", "Batch stamp at which the row was found gone; null where it is there.")
PROGRESS = (
    required("_ingested_at", "timestamp", "Batch stamp of the extracted version shown here."),
    required("_changed_at", "timestamp", "Batch stamp at which this row last changed."),
)


# What Gold reads of a parent. Its other columns change all the time, and none of a parent's shipments with them.
USED_BY_GOLD: dict[str, tuple[str, ...]] = {
    "orders": ("customer_id",),
    "vehicles": ("license_plate",),
    "warehouses": ("city",),
    "shipment_types": ("min_temperature", "max_temperature", "max_excursion_minutes"),
}
USED_CHANGED_AT = "_used_changed_at"


_KNOWN_STATUS = one_of("status", SHIPMENT_STATUSES)
# The business rules of rows: Silver's verdict rejects what breaks one, and these refuse what a mistake lets through.
_RULES: dict[str, tuple[Constraint, ...]] = {
    "orders": (Constraint("total_amount_positive", "total_amount IS NULL OR total_amount >= 0"),),
    "shipment_types": (in_order("min_temperature", "max_temperature"),),
    "truck_assignments": (
        one_of("status", ASSIGNMENT_STATUSES),
        in_order("assignment_start_time", "assignment_end_time"),
    ),
}


def _within(column: str, low: float, high: float) -> str:
    return f"{column} IS NULL OR {column} >= {low} AND {column} <= {high}"


def _typed(source: SourceTable) -> tuple[Column, ...]:
    critical = {source.key, *source.critical}
    return tuple(Column(c.name, c.type, c.meaning, nullable=c.name not in critical) for c in source.columns)


def _latest(source: SourceTable, *extra: Column, clustered_by: tuple[str, ...] = ()) -> Table:
    if source.name in USED_BY_GOLD:
        used = ", ".join(USED_BY_GOLD[source.name])
        meaning = f"Batch stamp at which what Gold uses changed: {used}."
        extra = (required(USED_CHANGED_AT, "timestamp", meaning), *extra)
    return Table(
        LAYER,
        source.name,
        f"one row for each key of {source.name}: its latest valid version",
        (*_typed(source), IS_DELETED, DELETED_AT, *extra, *PROGRESS),
        key=(source.key,),
        clustered_by=clustered_by or (source.key,),
        apps=APPS,
        constraints=_RULES.get(source.name, ()),
    )


CUSTOMERS = _latest(BY_NAME["customers"])
ORDERS = _latest(BY_NAME["orders"])
VEHICLES = _latest(BY_NAME["vehicles"])
DRIVERS = _latest(BY_NAME["drivers"])
WAREHOUSES = _latest(BY_NAME["warehouses"])
SHIPMENT_TYPES = _latest(BY_NAME["shipment_types"])
TRUCK_ASSIGNMENTS = _latest(
    BY_NAME["truck_assignments"],
    Column(
        "_former_shipment_ids",
        "array<string>",
        "Other shipments that this assignment ever named: their Gold is affected too.",
    ),
    clustered_by=("shipment_id",),
)

EVENTS = Table(
    LAYER,
    "shipment_status_events",
    "one row for each valid status event",
    (*_typed(SHIPMENT_STATUS_EVENTS), *PROGRESS),
    key=("event_id",),
    clustered_by=("shipment_id",),
    apps=APPS,
    constraints=(_KNOWN_STATUS,),
)

SHIPMENT_VERSIONS = Table(
    LAYER,
    "shipments",
    "one row for each version (consecutive time in one status) of a shipment: SCD2",
    (
        required(
            "shipment_sk",
            "bigint",
            "Function of shipment_id and the version's first event_id, or of shipment_id alone.",
        ),
        *_typed(SHIPMENTS),
        required("version", "int", "1..n in the order of time."),
        required("effective_start_ts", "timestamp", "From when the status held."),
        Column("effective_end_ts", "timestamp", "Until when, exclusive; null = current."),
        required("is_current", "boolean", "This is the version that holds now."),
        IS_DELETED,
        DELETED_AT,
        Column("_row_status", "string", "Status in the shipment's latest valid row, whatever the events say."),
        required("created_month", "string", "UTC month of created_at, yyyy-MM."),
        Column("_former_months", "array<string>", "Other months that created_at ever named: old partitions to clear."),
        *PROGRESS,
    ),
    key=("shipment_sk",),
    partitions=("created_month",),
    clustered_by=("shipment_id",),
    apps=APPS,
    constraints=(
        _KNOWN_STATUS,
        Constraint("version_positive", "version >= 1"),
        in_order("effective_start_ts", "effective_end_ts"),
        same("is_current", "effective_end_ts IS NULL", "effective_end_ts IS NOT NULL"),
        Constraint("deleted_not_current", "NOT is_current OR NOT is_deleted"),
    ),
    near="shipment_id",
)

IOT_TELEMETRY = Table(
    LAYER,
    "iot_telemetry",
    "one row for each truck and instant: the first reading that came",
    (
        required("truck_id", "string", "License plate, trimmed, upper case."),
        required("event_ts", "timestamp", "UTC."),
        required("temperature", "double", "°C."),
        Column("latitude", "double", "Degrees north."),
        Column("longitude", "double", "Degrees east."),
        required("is_outlier", "boolean", "The reading does not count in Gold."),
        Column("outlier_reason", "string", "TEMPERATURE_RANGE, GPS_RANGE or SPEED; null where is_outlier is false."),
        required("source_file", "string", "Where it came from."),
        *PROGRESS,
        required("reading_date", "date", "UTC day of event_ts."),
    ),
    key=("truck_id", "event_ts"),
    partitions=("reading_date",),
    clustered_by=("truck_id",),
    apps=("silver_iot",),
    constraints=(
        one_of("outlier_reason", (reason.name for reason in OutlierReason), or_null=True),
        same("is_outlier", "outlier_reason IS NOT NULL", "outlier_reason IS NULL"),
        Constraint("temperature_flagged", f"is_outlier OR {_within('temperature', *TEMPERATURE_RANGE_C)}"),
        Constraint("latitude_flagged", f"is_outlier OR {_within('latitude', -LATITUDE_LIMIT, LATITUDE_LIMIT)}"),
        Constraint("longitude_flagged", f"is_outlier OR {_within('longitude', -LONGITUDE_LIMIT, LONGITUDE_LIMIT)}"),
    ),
    near="event_ts",
)

LATEST: dict[str, Table] = {
    table.name: table for table in (CUSTOMERS, ORDERS, VEHICLES, DRIVERS, WAREHOUSES, SHIPMENT_TYPES, TRUCK_ASSIGNMENTS)
}
# By the source table that each is made of.
BY_SOURCE: dict[str, Table] = {**LATEST, EVENTS.name: EVENTS, SHIPMENT_VERSIONS.name: SHIPMENT_VERSIONS}
TABLES: tuple[Table, ...] = (*LATEST.values(), EVENTS, SHIPMENT_VERSIONS, IOT_TELEMETRY)
