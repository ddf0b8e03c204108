"""The run log as a person reads it: the last runs, how long they take, what they took in and rejected, their checks.

Every read is bounded by a literal moment: a year of runs costs what a week does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import PROCESSED_FILES_LOG, REJECTED_RECORDS
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import APART, DQ_METRICS, DRY_RUN, MISSED_DEADLINES, PIPELINE_RUNS, TASK_RUNS
from smart_logistics.contracts.rules import OPEN
from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.views.snapshot import Row, Snapshot, before, since

WINDOW = timedelta(days=8)
# A handful of times before "usual" means anything; of how many runs.
USUAL_NEEDS, USUAL_RUNS = 5, 10
_AROUND = timedelta(days=2)
_LETTER = ("source_table", "rejection_reason", "reprocessing_status")


@dataclass(frozen=True)
class Gate:
    """The checks of one run: how many there were by status, and those that did not pass."""

    run_id: str
    checked_at: datetime
    counts: dict[str, int]
    breached: list[Row]

    @property
    def verdict(self) -> str:
        """The worst status."""
        return next((name for name in ("fail", "warn", "pass") if self.counts.get(name)), "pass")


@dataclass(frozen=True)
class RunDetail:
    """One run: its row (null while it has not ended), its tasks' tries, its checks and what it left."""

    run: Row | None
    tries: list[Row]
    checks: list[Row]
    rejected: list[Row]
    files: list[Row]
    deadlines: list[Row]


def newest(snapshot: Snapshot, table: Table, column: str) -> datetime | None:
    """Return the greatest instant of a column by the statistics; null where there is none."""
    return snapshot.state(table).newest(column)


def last_runs(snapshot: Snapshot, now: datetime, dag_id: str) -> list[Row]:
    """Return the runs of a DAG that ended within eight days of the last one, the newest first."""
    last = newest(snapshot, PIPELINE_RUNS, "ended_at")
    if last is None:
        return []
    where = since("ended_at", min(last, now) - WINDOW) & (pc.field("dag_id") == dag_id)
    rows = snapshot.dicts(PIPELINE_RUNS, PIPELINE_RUNS.column_names, where)
    return sorted(rows, key=lambda row: (row["ended_at"], row["run_id"]), reverse=True)


def is_real() -> pc.Expression:
    """Return the condition of runs that are no dry ones; a row without a type is none.

    No constant: Arrow looks for pandas where it is given a value, which would cost whoever imports this a second.
    """
    return ~pc.field("run_type").isin([DRY_RUN])


def real(rows: Sequence[Row]) -> list[Row]:
    """Return the runs that are no dry ones: a dry run says nothing of how fresh and how sound the tables are."""
    return [row for row in rows if row["run_type"] != DRY_RUN]


def usual_seconds(snapshot: Snapshot, dag_id: str) -> float | None:
    """Return the median time of a DAG's last good runs, backfills and dry runs aside; None where they are too few."""
    newest_end = newest(snapshot, PIPELINE_RUNS, "ended_at")
    if newest_end is None:
        return None
    good = (pc.field("dag_id") == dag_id) & (pc.field("state") == "success") & pc.field("duration_s").is_valid()
    good &= ~pc.field("run_type").isin(APART)
    # Those of an hourly DAG are all in the last days; of one that runs each week every file is read.
    for where in (good & since("ended_at", newest_end - WINDOW), good):
        rows = snapshot.rows(PIPELINE_RUNS, ("ended_at", "duration_s"), where).sort_by("ended_at")
        times = rows["duration_s"].to_pylist()[-USUAL_RUNS:]
        if len(times) == USUAL_RUNS:
            break
    return median(times) if len(times) >= USUAL_NEEDS else None


def gates(snapshot: Snapshot) -> list[Gate]:
    """Return the quality gates within eight days of the last, the newest first, audits among them."""
    last = newest(snapshot, DQ_METRICS, "checked_at")
    if last is None:
        return []
    rows = snapshot.dicts(DQ_METRICS, DQ_METRICS.column_names, since("checked_at", last - WINDOW))
    by_run: dict[str, list[Row]] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(row)
    found = [_gate(run_id, checks) for run_id, checks in by_run.items()]
    return sorted(found, key=lambda gate: gate.checked_at, reverse=True)


def _gate(run_id: str, checks: list[Row]) -> Gate:
    counts = {name: sum(row["status"] == name for row in checks) for name in ("pass", "warn", "fail")}
    breached = sorted(
        (row for row in checks if row["status"] != "pass"),
        key=lambda row: (row["status"] != "fail", row["layer"], row["table_name"], row["check_name"]),
    )
    return Gate(run_id, max(row["checked_at"] for row in checks), counts, breached)


def rejections(snapshot: Snapshot, after: datetime) -> list[Row]:
    """Return how many dead letters came since, by table and reason, and how many of them are open; the most first."""
    where = since("rejected_at", after) & (pc.field("rejection_date") >= pa.scalar(after.date()))
    rows = snapshot.rows(REJECTED_RECORDS, _LETTER, where)
    return _by_reason(rows)


def files(snapshot: Snapshot, after: datetime) -> list[Row]:
    """Return the files that were taken since, the newest first."""
    return _files(snapshot, since("processed_at", after))


def _files(snapshot: Snapshot, where: pc.Expression) -> list[Row]:
    columns = (
        "file_name",
        "status",
        "record_count",
        "rejected_count",
        "file_size_bytes",
        "processed_at",
        "error",
        "run_id",
    )
    rows = snapshot.dicts(PROCESSED_FILES_LOG, columns, where)
    return sorted(rows, key=lambda row: (row["processed_at"], row["file_name"]), reverse=True)


def deadlines(snapshot: Snapshot, after: datetime) -> list[Row]:
    """Return the deadlines that were missed since, the newest first."""
    rows = snapshot.dicts(MISSED_DEADLINES, MISSED_DEADLINES.column_names, since("missed_at", after))
    return sorted(rows, key=lambda row: row["missed_at"], reverse=True)


def run(snapshot: Snapshot, dag_id: str, run_id: str) -> RunDetail:
    """Return one run: everything that names it, looked for around the time at which it ran.

    Of one that has not ended everything is looked for by its name alone.
    """
    named: Any = pc.field("run_id") == run_id
    rows = snapshot.dicts(PIPELINE_RUNS, PIPELINE_RUNS.column_names, named & (pc.field("dag_id") == dag_id))
    row = rows[0] if rows else None
    begun, ended = (row["started_at"], row["ended_at"]) if row else (None, None)
    checked = named & _until("checked_at", ended)
    if begun is not None:
        checked &= since("checked_at", begun)
    checks = snapshot.dicts(DQ_METRICS, DQ_METRICS.column_names, checked)
    # Not since the run began: that is when it was last cleared, and the tries before are its tries, too.
    tried = named & (pc.field("started_at").is_null() | _until("started_at", ended))
    tries = snapshot.dicts(TASK_RUNS, TASK_RUNS.column_names, tried)
    taken = named & _until("processed_at", ended)
    return RunDetail(
        row,
        sorted(tries, key=lambda one: (str(one["started_at"]), one["task_id"], one["try_number"])),
        sorted(checks, key=lambda one: (one["status"] == "pass", one["layer"], one["table_name"], one["check_name"])),
        _rejected_by(snapshot, run_id, begun, ended),
        _files(snapshot, taken & since("processed_at", begun - _AROUND)) if begun else [],
        snapshot.dicts(MISSED_DEADLINES, MISSED_DEADLINES.column_names, named & (pc.field("dag_id") == dag_id)),
    )


def _until(column: str, ended: datetime | None) -> Any:
    """Return the condition that an instant is not long after a run's end; that always holds where it has none."""
    return pc.scalar(True) if ended is None else before(column, ended + _AROUND)


def _rejected_by(snapshot: Snapshot, run_id: str, begun: datetime | None, ended: datetime | None) -> list[Row]:
    where: Any = pc.field("run_id") == run_id
    if begun is not None:
        where &= pc.field("rejection_date") >= pa.scalar((begun - _AROUND).date())
    if ended is not None:
        where &= pc.field("rejection_date") <= pa.scalar((ended + _AROUND).date())
    return _by_reason(snapshot.rows(REJECTED_RECORDS, _LETTER, where))


def _by_reason(letters: pa.Table) -> list[Row]:
    """Return how many dead letters there are by table and reason, and how many of them are open; the most first."""
    is_open = pc.is_in(letters["reprocessing_status"], value_set=pa.array(OPEN)).cast("int64")
    by = ["source_table", "rejection_reason"]
    counted = letters.append_column("open", is_open).group_by(by).aggregate([([], "count_all"), ("open", "sum")])
    rows = [
        {name: row[name] for name in by} | {"letters": row["count_all"], "open": row["open_sum"]}
        for row in counted.to_pylist()
    ]
    return sorted(rows, key=lambda row: (-row["letters"], row["source_table"], row["rejection_reason"]))


def newest_reading(snapshot: Snapshot) -> datetime | None:
    """Return the time of the newest reading in Silver; in Bronze one from the year 9999 is kept as it came."""
    return newest(snapshot, IOT_TELEMETRY, "event_ts")


def last_file(snapshot: Snapshot) -> datetime | None:
    """Return when a file was last taken."""
    return newest(snapshot, PROCESSED_FILES_LOG, "processed_at")


def tables(snapshot: Snapshot, wanted: Sequence[Table]) -> list[Row]:
    """Return rows, size, files and version of each table that is there, by its log alone."""
    found = []
    for table in wanted:
        state = snapshot.state(table)
        if state.delta is not None:
            found.append(
                {
                    **{"table": table.full_name, "rows": state.rows, "bytes": state.bytes, "files": state.files},
                    **{"small_files": state.small_files, "version": state.delta.version()},
                    "written_at": state.written()[1],
                }
            )
    return found
