"""What people decided about excursions: the one table that no job writes."""

from __future__ import annotations

from enum import Enum

from smart_logistics.contracts.gold import LAYER
from smart_logistics.contracts.model import Column, Constraint, Table, in_order, one_of, required

# The application whose transaction identifier in the table's log is the number of the last entry ever written.
APP = "dispositions"


class Decision(Enum):
    """What is to become of the goods."""

    RELEASE = "release"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Via(Enum):
    """How the author was known: by a log-in to Airflow, or as the user of the machine who ran the command."""

    AIRFLOW = "airflow"
    COMMAND_LINE = "command line"


EXCURSION_DISPOSITIONS = Table(
    LAYER,
    "excursion_dispositions",
    "one row for each decision of a person about an excursion, chained to the row before it",
    (
        required("entry_no", "bigint", "1, 2, 3, … over the whole table."),
        required("format", "int", "How the entry is encoded before it is hashed: 1 (docs/reports.md)."),
        required("request_id", "string", "Key of the request: repeated, it adds nothing."),
        required("decided_at", "timestamp", "When it was written down."),
        required("author", "string", "Login of who decided."),
        required("via", "string", "How that was known: airflow (its log-in), command line (the machine's user)."),
        required("decision", "string", "release, quarantine or reject."),
        required("reason", "string", "In the author's words."),
        required("shipment_id", "string"),
        required("excursion_no", "int", "Number that the excursion had when it was decided upon."),
        required("truck_id", "string", "As then in gold.temperature_excursions, like the columns below."),
        required("started_at", "timestamp"),
        required("ended_at", "timestamp"),
        required("minutes", "double"),
        required("reading_count", "bigint"),
        required("peak_temperature", "double", "°C."),
        required("peak_deviation", "double", "°C beyond the limit."),
        required("peak_at", "timestamp"),
        required("severity", "string"),
        Column("min_threshold", "double", "°C, the shipment's limit as then in gold.shipment_analytics."),
        Column("max_threshold", "double", "°C, likewise."),
        required("excursions_version", "bigint", "Delta version of gold.temperature_excursions that was looked at."),
        required("analytics_version", "bigint", "Delta version of gold.shipment_analytics that was looked at."),
        required("previous_hash", "string", "entry_hash of the entry before; of the first, 64 zeros."),
        required("entry_hash", "string", "SHA-256 over all columns above, previous_hash among them."),
    ),
    key=("entry_no",),
    clustered_by=("shipment_id",),
    append_only=True,
    constraints=(
        Constraint("entry_no_positive", "entry_no >= 1"),
        Constraint("author_given", "author <> ''"),
        Constraint("reason_given", "reason <> ''"),
        one_of("decision", (decision.value for decision in Decision)),
        one_of("via", (via.value for via in Via)),
        in_order("started_at", "ended_at"),
    ),
)

TABLES: tuple[Table, ...] = (EXCURSION_DISPOSITIONS,)
