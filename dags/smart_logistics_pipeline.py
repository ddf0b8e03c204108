"""# Smart Logistics: every hour from the sources to Gold.

**Purpose.** Takes what is new from the source database and the telemetry files, judges it, and answers for each
shipment whether it stayed within its temperature limits. Owned by data platform; read by the cold-chain desk.

**Is it safe to re-run?** Yes, any task and any number of times: each one continues from where it was, and what has been
taken is never taken twice. To repeat after a failure, clear the failed task with its downstream tasks.

**When is a failure normal?** *wait_for_iot_files* skipped, and *bronze_ingest_iot* with it, is a quiet hour: no file
came, and the rest runs on. *data_quality_check* failing at once, without retries, means that a check of severity
*error* failed: everything is recorded in `ops.dq_metrics`, the mail names the check, and a retry would say the same.
Any other task has tried four times when it is red; the last lines of its log say what failed, why, and what to do.

**What else can it be asked?** *Trigger* opens a form: make Silver or Gold again from the layer below, for some days or
all, and *dry run*, in which each task says what it would write and writes nothing. docs/running.md says what each does.

**Where to look.** `logistics query "SELECT * FROM ops.task_runs ORDER BY started_at DESC"` for times and errors of
every try; `bronze.rejected_records` for what was not taken, with its reason.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule

from smart_logistics import settings
from smart_logistics.orchestration import deadlines, requests
from smart_logistics.orchestration.policies import spark_job, task_defaults
from smart_logistics.orchestration.run_end import on_run_end
from smart_logistics.orchestration.sensor import LandingSensor
from smart_logistics.orchestration.start import StartOperator

GIVEN = settings.load()

with DAG(
    dag_id="smart_logistics_pipeline",
    doc_md=__doc__,
    # From the next full hour on. With a start date, or by the bare preset, the hour that has begun would be run at
    # once: before there is anything in the sources, and in the way of the first run that a person asks for.
    schedule=CronTriggerTimetable("@hourly", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(GIVEN),
    dagrun_timeout=timedelta(minutes=GIVEN["RUN_TIMEOUT_MINUTES"]),
    deadline=deadlines.of_run(GIVEN),
    params=requests.form(),
    on_success_callback=on_run_end,
    on_failure_callback=on_run_end,
    tags=["cold-chain", "lakehouse"],
):
    start = StartOperator(task_id="start")
    wait_for_iot_files = LandingSensor(
        task_id="wait_for_iot_files",
        poke_interval=GIVEN["POKE_INTERVAL_SECONDS"],
        timeout=GIVEN["SENSOR_TIMEOUT_SECONDS"],
    )
    bronze_ingest_sql = spark_job("bronze_ingest_sql", GIVEN)
    bronze_ingest_iot = spark_job("bronze_ingest_iot", GIVEN)
    silver_transactional = spark_job("silver_transactional", GIVEN)
    # After a quiet hour it runs all the same; after a failure it does not.
    silver_iot = spark_job("silver_iot", GIVEN, trigger_rule=TriggerRule.NONE_FAILED)
    gold_aggregate = spark_job("gold_aggregate", GIVEN)
    data_quality_check = spark_job("data_quality_check", GIVEN)
    end = EmptyOperator(task_id="end")

    start >> bronze_ingest_sql >> silver_transactional
    start >> wait_for_iot_files >> bronze_ingest_iot >> silver_iot
    [silver_transactional, silver_iot] >> gold_aggregate >> data_quality_check >> end
