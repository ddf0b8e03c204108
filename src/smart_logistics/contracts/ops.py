"""Ops: what the pipeline says about itself."""

from __future__ import annotations

from smart_logistics.contracts.model import Column, Severity, Table, one_of, required

LAYER = "ops"

# Types of a run that say nothing of the others: their times are not usual, and their failure is no incident. A dry run,
# which Airflow calls manual, brings nothing up to date either.
BACKFILL, DRY_RUN = "backfill", "dry_run"
APART = (BACKFILL, DRY_RUN)

DQ_METRICS = Table(
    LAYER,
    "dq_metrics",
    "one row for each check of a run",
    (
        required("run_id", "string"),
        required("layer", "string"),
        required("table_name", "string"),
        required("check_name", "string"),
        required("severity", "string", "error or warn: what a breach means."),
        required("status", "string", "pass, warn or fail."),
        Column("value", "double", "What was measured."),
        Column("threshold", "double", "What it may be at most."),
        Column("detail", "string", "In words, with examples."),
        required("checked_at", "timestamp"),
    ),
    key=("run_id", "layer", "table_name", "check_name"),
    clustered_by=("checked_at",),
    # Its progress is a stamp like others: what comes later must have a later one, whatever the clock does.
    apps=("data_quality_check",),
    constraints=(
        one_of("severity", (severity.value for severity in Severity)),
        one_of("status", ("pass", "warn", "fail")),
    ),
)

PIPELINE_RUNS = Table(
    LAYER,
    "pipeline_runs",
    "one row for each run of a DAG that has ended",
    (
        required("run_id", "string", "Airflow's dag_run_id."),
        required("dag_id", "string"),
        Column("logical_date", "timestamp"),
        Column("started_at", "timestamp"),
        Column("ended_at", "timestamp"),
        Column("duration_s", "double"),
        required("state", "string"),
        Column("run_type", "string", "scheduled, manual, backfill, or dry_run: it wrote nothing."),
        Column("bronze_rows", "bigint", "Rows and records taken in."),
        Column("silver_rows", "bigint", "Rows inserted or changed."),
        Column("gold_rows", "bigint", "Rows inserted, changed or removed."),
        Column("rejected_rows", "bigint", "Dead letters written."),
    ),
    # Two DAGs that are due at the same moment name their runs alike.
    key=("run_id", "dag_id"),
)

TASK_RUNS = Table(
    LAYER,
    "task_runs",
    "one row for each try of a task",
    (
        required("run_id", "string"),
        required("task_id", "string"),
        required("try_number", "int"),
        Column("started_at", "timestamp"),
        Column("ended_at", "timestamp"),
        Column("duration_s", "double"),
        required("state", "string"),
        Column("error", "string", "Why it failed."),
    ),
    key=("run_id", "task_id", "try_number"),
)

MISSED_DEADLINES = Table(
    LAYER,
    "missed_deadlines",
    "one row for each deadline that a run missed",
    (
        required("dag_id", "string"),
        required("run_id", "string", "The run; for stale Gold, since when."),
        required("deadline", "string", "Which one."),
        required("severity", "string", "error or warn: a breach, or a warning of one."),
        required("missed_at", "timestamp", "When it was noticed."),
        Column("limit_minutes", "double", "What was allowed."),
        Column("detail", "string", "In words."),
    ),
    key=("run_id", "dag_id", "deadline"),
)

TABLE_HEALTH = Table(
    LAYER,
    "table_health",
    "one row for each table and run of maintenance: its state afterwards, and what was done to it",
    (
        required("run_id", "string", "The run of maintenance."),
        required("layer", "string"),
        required("table_name", "string"),
        required("measured_at", "timestamp"),
        required("version", "bigint", "Of the Delta table."),
        required("rows", "bigint"),
        required("bytes", "bigint", "Of the files that the table consists of now."),
        required("files", "bigint", "Files that the table consists of now."),
        required("small_files", "bigint", "Those below 16 MiB, beyond the one that each partition may have."),
        required("partitions", "bigint", "Partitions that have rows; 1 where the table has none."),
        Column("oldest_file_at", "timestamp", "When the oldest of its files was written; null where there is none."),
        Column("newest_file_at", "timestamp", "When the newest was."),
        Column("log_files", "bigint", "Files of the Delta log; null on object storage."),
        required("compacted_files", "bigint", "Files that this run replaced by fewer."),
        required("vacuumed_files", "bigint", "Files that this run deleted: no version of the last week needs them."),
        required("freed_bytes", "bigint", "Their size."),
    ),
    key=("run_id", "layer", "table_name"),
    clustered_by=("measured_at",),
)

TABLES: tuple[Table, ...] = (DQ_METRICS, PIPELINE_RUNS, TASK_RUNS, MISSED_DEADLINES, TABLE_HEALTH)
