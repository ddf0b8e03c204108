"""# Smart Logistics: once a week, upkeep.

**Purpose.** Keeps what the hourly pipeline costs flat. *lakehouse_maintenance* joins the small files that each run
leaves, lays rows that are looked up together side by side, deletes files that no table has needed for a week, and
records each table's health in `ops.table_health`. *clean_up* deletes old task logs, Airflow's records of old runs and
what killed drivers left. *full_audit*, beside them, checks all rows of all tables and makes Silver and Gold again to
compare: what the hourly gate, which looks at what is new, cannot see.

**Is it safe to re-run?** Yes, at any time and beside the pipeline: no row changes, and a writer waits for one partition
of one table at most. What is done is not done again; where there is nothing to do, nothing is committed.

**When is a failure normal?** Never, but it does no harm: tables stay as they were, only larger. The next run, or
`logistics maintain`, continues with what is left. *Another process writes there* means that a job held a table for
longer than a minute. *full_audit* fails at once where a table is not what it should be: the mail names the check, and
docs/quality.md says what to do.

**Where to look.** `logistics query "SELECT * FROM ops.table_health ORDER BY measured_at DESC"`; `logistics maintain
--dry-run` for what there is to do now.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from smart_logistics import settings
from smart_logistics.orchestration.maintenance import CleanUpOperator, LakehouseMaintenanceOperator
from smart_logistics.orchestration.policies import spark_job, task_defaults
from smart_logistics.orchestration.run_end import on_run_end
from smart_logistics.orchestration.run_record import PIPELINE_ID, WATCH_ID
from smart_logistics.orchestration.watch import PAGE, WatchOperator

GIVEN = settings.load()

with DAG(
    dag_id="smart_logistics_maintenance",
    doc_md=__doc__,
    # Sunday night, between two runs of the pipeline; the first time on the next Sunday and not when the stack starts.
    schedule=CronTriggerTimetable("30 3 * * 0", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(GIVEN),
    on_success_callback=on_run_end,
    on_failure_callback=on_run_end,
    tags=["cold-chain", "lakehouse"],
):
    # The first time on a lakehouse that was never compacted it has much to do.
    lakehouse_maintenance = LakehouseMaintenanceOperator(
        task_id="lakehouse_maintenance", execution_timeout=timedelta(hours=6)
    )
    full_audit = spark_job("full_audit", GIVEN)
    clean_up = CleanUpOperator(task_id="clean_up")

    lakehouse_maintenance >> clean_up

# In this file, because each file costs the DAG processor a new process of a second or two, every half a minute.
with DAG(
    dag_id=WATCH_ID,
    doc_md=PAGE,
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(GIVEN),
    dagrun_timeout=timedelta(minutes=30),
    on_failure_callback=on_run_end,
    tags=["cold-chain"],
):
    look = WatchOperator(task_id="look", watched=PIPELINE_ID, execution_timeout=timedelta(minutes=5))
