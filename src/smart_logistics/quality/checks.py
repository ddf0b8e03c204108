"""The checks: what each one counts, how much of it may be, and whether a breach fails the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smart_logistics.contracts.model import Severity, Table

PASS, WARN, FAIL = "pass", "warn", "fail"


@dataclass(frozen=True)
class Check:
    """What is counted; more than ``threshold`` is a breach (None: it is only recorded); ``remedy`` is what to do."""

    name: str
    severity: Severity
    threshold: float | None
    counts: str
    remedy: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a check measured on a table; ``value`` is None where there was nothing to measure."""

    table: Table
    check: Check
    value: float | None
    example: str = ""

    @property
    def status(self) -> str:
        """Whether the check passed, and else what that means."""
        if self.value is None or self.check.threshold is None or self.value <= self.check.threshold:
            return PASS
        return FAIL if self.check.severity is Severity.ERROR else WARN

    @property
    def detail(self) -> str:
        """In words, with what was seen."""
        return f"{self.check.counts}: {self.example}" if self.example else self.check.counts

    def row(self, run_id: str, checked_at: datetime) -> dict[str, Any]:
        """Return the outcome as a row of ``ops.dq_metrics``."""
        return {
            "run_id": run_id,
            "layer": self.table.layer,
            "table_name": self.table.name,
            "check_name": self.check.name,
            "severity": self.check.severity.value,
            "status": self.status,
            "value": self.value,
            "threshold": self.check.threshold,
            "detail": self.detail,
            "checked_at": checked_at,
        }


def verdict(outcomes: Iterable[Outcome]) -> str:
    """Return the worst status."""
    found = {outcome.status for outcome in outcomes}
    return next((status for status in (FAIL, WARN) if status in found), PASS)


def _error(name: str, counts: str, remedy: str) -> Check:
    return Check(name, Severity.ERROR, 0, counts, remedy)


def _warn(name: str, threshold: float | None, counts: str, remedy: str) -> Check:
    return Check(name, Severity.WARN, threshold, counts, remedy)


_RULE_IS_WRONG = "a rule let it through: the detail names one; mend the rule, then the row"
_MADE_AGAIN = "find who wrote there beside the jobs; Bronze has all it takes to make the table again"
_ASK_BRONZE = "compare the key that the detail names in Bronze, Silver and `bronze.rejected_records`"

SCHEMA = _error(
    "schema", "declared columns that are missing, of another type or nullable", "give the table the declared columns"
)
REQUIRED = _error("required", "values that are null, or blank, where they may not be", _RULE_IS_WRONG)
CONSTRAINTS = _error("constraints", "rows that break a declared constraint", _RULE_IS_WRONG)
KEY_UNIQUE = _error("key_unique", "keys that occur more than once", _MADE_AGAIN)
FOREIGN_KEYS = _error(
    "foreign_keys", "rows whose parent is not in Silver", "see what became of the parent: no job removes one"
)
ROWS_BY_RUNS = _error("rows_by_runs", "rows that came or went since the last check without a run", _MADE_AGAIN)
FILES_RECONCILED = _error(
    "files_reconciled",
    "files whose records are not all in Bronze or rejected there",
    "the file is in the archive: compare its records with `bronze.iot_telemetry` and the dead letter",
)
READINGS_RECONCILED = _error(
    "readings_reconciled", "files whose Bronze records are not all in Silver or rejected", _ASK_BRONZE
)
TOTAL_RECONCILED = _error(
    "total_reconciled",
    "records by which Bronze differs from Silver and the dead letter",
    "something old went or came: `logistics audit` names the file",
)
ONE_PLACE = _error("one_place", "row versions that are in no place, or in two", _ASK_BRONZE)
FROM_BRONZE = _error("from_bronze", "rows that no record or version in Bronze says", _ASK_BRONZE)
SCD2 = _error("scd2", "shipments whose versions are not 1..n, contiguous, with one current unless deleted", _MADE_AGAIN)
COMPLETE = _error(
    "complete", "live shipments without a row, or rows without a live shipment", "clear `gold_aggregate` and look again"
)
TOTAL_COMPLETE = _error(
    "total_complete",
    "rows by which Gold differs from the live shipments of Silver",
    "something old went or came: `logistics audit` names the shipment",
)
EXCURSIONS_AGREE = _error("excursions_agree", "shipments whose excursions are not those of their row", _MADE_AGAIN)
FIGURES_AGREE = _error(
    "figures_agree", "rows whose shipments or excursions are not those of the tables they were summed from", _MADE_AGAIN
)
TOTAL_FIGURES = _error(
    "total_figures",
    "readings, excursions and shipments by which the sum of all days differs from what there is",
    "something old went or came: `logistics audit` names the row",
)
RECOMPUTED = _error("recomputed", "shipments that computed another way differ", _MADE_AGAIN)
HOLD = _error(
    "hold_minutes",
    "1 where Gold was computed with another hold than the setting's",
    "run `gold_aggregate`: it computes all of Gold again",
)
REBUILT = _error("rebuilt", "rows that differ from those made again from the layer below", _MADE_AGAIN)
CHAIN = _error(
    "chain",
    "1 where an entry is not what was written, or is missing",
    "`logistics verify` names the entry: compare it with an earlier report of its shipment, and find who writes there",
)

_RULES_OR_SOURCE = "look at the reasons: `SELECT * FROM bronze.rejected_records ORDER BY rejected_at DESC`"
REJECTION_RATE = _warn("rejection_rate", 0.05, "share that was rejected", _RULES_OR_SOURCE)
REJECTION_ALERT = _warn("rejection_rate_alert", 0.10, "ALERT above 10 %: share that was rejected", _RULES_OR_SOURCE)
OUTLIER_RATE = _warn("outlier_rate", 0.02, "share of outliers among new readings", "look for a sensor that is off")
FRESHNESS = _warn("freshness_minutes", 120, "minutes since the newest reading", "ask whether the gateway still sends")
LATE_MINUTES = 120.0
FILE_LAG = _warn(
    "file_lag_minutes",
    LATE_MINUTES,
    "longest minutes from a file's name to its ingestion",
    "ask the gateway why files come late; after a pause of the pipeline it is expected",
)
OVERLAPS = _warn(
    "overlapping_assignments",
    0,
    "assignments of one vehicle that overlap another in time",
    "tell the dispatchers: readings count for both shipments",
)
STATUS_AGREES = _warn(
    "status_agrees",
    0,
    "shipments whose row and last event name different statuses",
    "tell the owners of the source: Silver follows the events",
)
SMALL_FILES = _warn(
    "small_files",
    100,
    "small files beyond one for each partition",
    "`logistics maintain` merges them; weekly it does so by itself",
)
BEHIND = _warn(
    "is_behind",
    0,
    "microseconds of the layer below that the table has not seen; checked again by the next run",
    "none, where a run is on its way; else see why its task failed",
)
UNCONSTRAINED = _warn(
    "unconstrained",
    0,
    "declared constraints that the table does not carry",
    "`logistics up` adds them, and says which row stands in the way",
)
ROWS = _warn("rows", None, "rows of the table", "none: the next run compares")
NEW_ROWS = _warn("new_rows", None, "rows since the last check", "none: the next runs compare")
VOLUME = _warn(
    "volume",
    5,
    "new records as a multiple of the usual, or the usual as a multiple of them",
    "none where the fleet or the hour explains it; else ask the source",
)
