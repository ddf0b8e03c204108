"""Measures what the jobs of the last runs have reported, which is in Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from smart_logistics.jobs.catalog import JOBS
from smart_logistics.ops import measure_jobs
from smart_logistics.ops.measures import Sample
from smart_logistics.orchestration.run_record import DAG_IDS, ENDED


def jobs() -> Iterator[Sample]:
    """Yield what the jobs of each DAG's last run reported; a job that did not come so far reported nothing."""
    with create_session() as session:
        for dag_id in DAG_IDS:
            last = (
                select(DagRun.run_id)
                .where(DagRun.dag_id == dag_id, DagRun.state.in_(ENDED))
                .order_by(DagRun.end_date.desc())
                .limit(1)
                .scalar_subquery()
            )
            told = session.execute(
                select(XComModel.task_id, XComModel.value).where(
                    XComModel.dag_id == dag_id,
                    XComModel.run_id == last,
                    XComModel.key == "return_value",
                    XComModel.task_id.in_(list(JOBS)),
                )
            )
            results: dict[str, Any] = {
                task_id: json.loads(value) if isinstance(value, str) else value for task_id, value in told
            }
            yield from measure_jobs.samples(
                dag_id, {task: one for task, one in results.items() if isinstance(one, dict)}
            )
