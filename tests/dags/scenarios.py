"""Runs the real DAG under Airflow's own scheduling rules, in a process of its own; only the drivers are replaced.

usage: scenarios.py FOLDER, with AIRFLOW_HOME and the settings in the environment. Writes one JSON object to the file
that FOUND names: scenario → {"run": state, "tasks": {task id: [state, tries]}}, and under PROVISIONED what Airflow's
database holds after the import of connections and Variables, done twice.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import select

from smart_logistics import settings
from smart_logistics.errors import LogisticsError, QualityGateFailed, SourceUnavailable
from smart_logistics.orchestration import config_files, provision
from smart_logistics.orchestration.spark_job import SparkJobOperator

DAGS = settings.REPOSITORY / "dags"
DAG_ID = "smart_logistics_pipeline"
PROVISIONED = "provisioned"
GONE, GATE = SourceUnavailable("the source is gone"), QualityGateFailed("a check failed")


def fails_always(error: LogisticsError) -> Callable[[int], None]:
    def outcome(_: int) -> None:
        raise error

    return outcome


def fails_once(try_number: int) -> None:
    if try_number == 1:
        raise GONE


# Scenario → (is there a file, what each driver does if not well).
SCENARIOS: dict[str, tuple[bool, dict[str, Callable[[int], None]]]] = {
    "all well": (True, {}),
    "quiet hour": (False, {}),
    "source gone": (True, {"bronze_ingest_sql": fails_always(GONE)}),
    "source gone in a quiet hour": (False, {"bronze_ingest_sql": fails_always(GONE)}),
    "telemetry fails": (True, {"bronze_ingest_iot": fails_always(GONE)}),
    "silver fails in a quiet hour": (False, {"silver_iot": fails_always(GONE)}),
    "source back at the second try": (True, {"bronze_ingest_sql": fails_once}),
    "gate fails": (True, {"data_quality_check": fails_always(GATE)}),
    "landing folder missing": (False, {}),
    "secrets lost": (True, {}),
    "variable missing": (True, {}),
}


def provisioned() -> dict[str, Any]:
    """Import twice, with an edit and an old secret in between, and return what the database holds."""
    from airflow.models.connection import Connection
    from airflow.models.variable import Variable

    provision.provision(settings.load())
    with create_session() as session:
        session.add(Connection(conn_id="logistics_postgres", conn_type="postgres", password="old-canary"))
        for name, value in (("logistics_hold_minutes", "61"), ("logistics_settle_seconds", "99")):
            session.scalars(select(Variable).where(Variable.key == name)).one().set_val(value)
    provision.provision(settings.load())
    with create_session() as session:
        return {
            "connections": {one.conn_id: one.get_uri() for one in session.scalars(select(Connection))},
            "variables": {one.key: one.get_val() for one in session.scalars(select(Variable))},
        }


def run_one(name: str, landing: Path, number: int) -> dict[str, Any]:
    has_file, outcomes = SCENARIOS[name]
    shutil.rmtree(landing, ignore_errors=True)
    if name != "landing folder missing":
        landing.mkdir()
    if has_file:
        (landing / "iot_telemetry_20260101_000000_1.json").write_text("{}\n")

    def execute(self: SparkJobOperator, context: Any) -> dict[str, int]:
        if outcome := outcomes.get(self.task_id):
            outcome(context["ti"].try_number)
        return {"rows": 1}

    SparkJobOperator.execute = execute  # type: ignore[method-assign]
    dag = DagBag(DAGS, safe_mode=False).dags[DAG_ID]
    # At the end of a good run dag.test looks for the deadline in the database, where only a scheduler puts it.
    dag.deadline = None
    run = dag.test(logical_date=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number))
    return {
        "run": str(run.state),
        "tasks": {ti.task_id: [str(ti.state), ti.try_number] for ti in run.get_task_instances()},
    }


def main(landing: Path) -> None:
    from airflow.models.variable import Variable

    secrets = Path(os.environ["SECRETS_FILE"])
    dsn = "postgresql://u:canary@127.0.0.1/d"
    text = json.dumps(provision.connections(config_files.SECRETS, settings.load(), dsn))
    secrets.write_text(text)
    with create_session() as session:
        initdb(session=session)
    found: dict[str, dict[str, Any]] = {PROVISIONED: provisioned()}
    for number, name in enumerate(SCENARIOS):
        if name == "variable missing":
            with create_session() as session:
                session.delete(session.scalar(select(Variable).where(Variable.key == "logistics_hold_minutes")))
        secrets.write_text("{" if name == "secrets lost" else text)
        started = time.monotonic()
        found[name] = run_one(name, landing, number)
        sys.stderr.write(f"{name}: {time.monotonic() - started:.1f} s\n")
    # Airflow logs to stdout.
    Path(os.environ["FOUND"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
