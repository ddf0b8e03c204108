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
    """What is counted; more than ``threshold`` is a breach (None: it is only recorded)."""

    name: str
    severity: Severity
    threshold: float | None
    counts: str


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


def _error(name: str, counts: str) -> Check:
    return Check(name, Severity.ERROR, 0, counts)


def _warn(name: str, threshold: float | None, counts: str) -> Check:
    return Check(name, Severity.WARN, threshold, counts)


SCHEMA = _error("schema", "declared columns that are missing, of another type or nullable")
REQUIRED = _error("required", "values that are null, or blank, where they may not be")
KEY_UNIQUE = _error("key_unique", "keys that occur more than once")
FOREIGN_KEYS = _error("foreign_keys", "rows whose parent is not in Silver")
FILES_RECONCILED = _error("files_reconciled", "files whose records are not all in Bronze or rejected there")
READINGS_RECONCILED = _error("readings_reconciled", "files whose Bronze records are not all in Silver or rejected")
TOTAL_RECONCILED = _error("total_reconciled", "records by which Bronze differs from Silver and the dead letter")
ONE_PLACE = _error("one_place", "row versions that are in no place, or in two")
SCD2 = _error("scd2", "shipments whose versions are not 1..n, contiguous, with one current unless deleted")
COMPLETE = _error("complete", "live shipments without a row, or rows without a live shipment")
TOTAL_COMPLETE = _error("total_complete", "rows by which Gold differs from the live shipments of Silver")
EXCURSIONS_AGREE = _error("excursions_agree", "shipments whose excursions are not those of their row")
RECOMPUTED = _error("recomputed", "sampled shipments that computed again differ")

REJECTION_RATE = _warn("rejection_rate", 0.05, "share that was rejected")
REJECTION_ALERT = _warn("rejection_rate_alert", 0.10, "ALERT above 10 %: share that was rejected")
OUTLIER_RATE = _warn("outlier_rate", 0.02, "share of outliers among new readings")
FRESHNESS = _warn("freshness_minutes", 120, "minutes since the newest reading")
LATE_MINUTES = 120.0
FILE_LAG = _warn("file_lag_minutes", LATE_MINUTES, "longest minutes from a file's name to its ingestion")
OVERLAPS = _warn("overlapping_assignments", 0, "assignments of one vehicle that overlap another in time")
STATUS_AGREES = _warn("status_agrees", 0, "shipments whose row and last event name different statuses")
SMALL_FILES = _warn("small_files", 100, "small files beyond one for each partition: `logistics maintain` merges them")
BEHIND = _warn("silver_is_behind", 0, "microseconds of Bronze that Silver has not seen; checked again by the next run")
NEW_ROWS = _warn("new_rows", None, "rows since the last check")
VOLUME = _warn("volume", 5, "new records as a multiple of the usual, or the usual as a multiple of them")
