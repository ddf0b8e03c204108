"""What a real Airflow makes of the DAG's deadlines, in a process and a database of its own.

usage: deadline_rows.py, with AIRFLOW_HOME and the settings in the environment. Writes one JSON object to the file that
FOUND names: run → {"deadlines": {name: minutes after queueing}, "missed": …}, where missed is what is recorded once
everything is long overdue and the scheduler has looked.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.models.deadline import Deadline
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from smart_logistics import settings
from smart_logistics.contracts.ops import MISSED_DEADLINES
from smart_logistics.lake import tables
from smart_logistics.orchestration import connections, provision

DAG_ID = "smart_logistics_pipeline"
NOW = datetime.now(UTC)
# Run → its type, who triggered it, whether it has a logical date, and its state when the deadlines have passed.
RUNS = {
    "by-the-hour": (DagRunType.SCHEDULED, DagRunTriggeredByType.TIMETABLE, True, DagRunState.RUNNING),
    "by-hand": (DagRunType.MANUAL, DagRunTriggeredByType.UI, True, DagRunState.QUEUED),
    "by-the-API": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, False, DagRunState.RUNNING),
    "backfill": (DagRunType.BACKFILL_JOB, DagRunTriggeredByType.BACKFILL, True, DagRunState.RUNNING),
    "cleared": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, False, DagRunState.RUNNING),
    "failed": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, False, DagRunState.FAILED),
}
_ENDED_BEFORE = 5


def sync() -> Any:
    """Put the DAG files into the database, as the DAG processor does; return the pipeline as the scheduler has it."""
    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        sync_bag_to_db(bag, bundle.name, bundle.version)
    with create_session() as session:
        found = SerializedDagModel.get(DAG_ID, session=session)
        assert found is not None
        return found.dag


def create(dag: Any, run_id: str, number: int, session: Any) -> DagRun:
    kind, by, has_date, _ = RUNS.get(run_id, RUNS["by-the-hour"])
    moment = NOW - timedelta(days=30) + timedelta(hours=number)
    run: DagRun = dag.create_dagrun(
        run_id=run_id,
        logical_date=moment if has_date else None,
        data_interval=(moment, moment) if has_date else None,
        run_after=NOW,
        run_type=kind,
        triggered_by=by,
        state=DagRunState.QUEUED,
        session=session,
    )
    session.flush()
    return run


def deadlines(run: DagRun, session: Any) -> list[Deadline]:
    return list(session.scalars(select(Deadline).where(Deadline.dagrun_id == run.id)))


def minutes_by_name(run: DagRun, session: Any) -> dict[str, float]:
    found = deadlines(run, session)
    names = [one.callback.data["kwargs"]["name"] for one in found]
    assert run.queued_at is not None
    after = [(one.deadline_time - run.queued_at).total_seconds() / 60 for one in found]
    return dict(zip(names, after, strict=True))


def miss(run: DagRun, state: DagRunState, session: Any) -> list[str]:
    """Let a run's deadlines pass while it is in a state, as the scheduler does; return what travels to the executor."""
    run.state = state
    run.queued_at = datetime.now(UTC) - timedelta(hours=2)
    session.flush()
    found = deadlines(run, session)
    for one in found:
        one.handle_miss(session)
    return [json.dumps([one.callback.data["path"], one.callback.data["kwargs"]], default=str) for one in found]


def call_back(sent: str) -> None:
    """Do what the executor does, in a process that shares no session with the scheduler."""
    path, kwargs = json.loads(sent)
    module, _, name = path.rpartition(".")
    getattr(import_module(module), name)(**kwargs)


def main() -> None:
    with create_session() as session:
        initdb(session=session)
    provision.provision(settings.load())
    dag = sync()
    found: dict[str, dict[str, Any]] = {}
    with create_session() as session:
        for number in range(_ENDED_BEFORE):
            run = create(dag, f"earlier-{number}", number, session)
            run.state = DagRunState.SUCCESS  # sets its end to now
            run.start_date, run.end_date = NOW, NOW + timedelta(minutes=4)
        runs = {name: create(dag, name, 10 + number, session) for number, name in enumerate(RUNS)}
        for name, run in runs.items():
            found[name] = {"deadlines": minutes_by_name(run, session)}
        clear_task_instances(runs["cleared"].get_task_instances(session=session), session)
        found["cleared"]["times"] = runs["cleared"].clear_number
        sent = [one for name, run in runs.items() for one in miss(run, RUNS[name][3], session)]
    for one in sent:
        call_back(one)
    table = tables.open_table(connections.lakehouse(), MISSED_DEADLINES)
    rows = [] if table is None else table.to_pyarrow_table().to_pylist()
    for name in RUNS:
        found[name]["missed"] = sorted(row["deadline"] for row in rows if row["run_id"] == name)
    Path(os.environ["FOUND"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
