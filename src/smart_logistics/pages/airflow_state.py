"""Measures what only Airflow's database knows: runs in flight, paused DAGs, its components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from airflow.api.common.airflow_health import get_airflow_health
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from sqlalchemy import func, select

from smart_logistics import settings
from smart_logistics.ops import measures as m
from smart_logistics.ops.measures import Sample
from smart_logistics.orchestration.run_record import DAG_IDS

_UNFINISHED = ("queued", "running")


@dataclass(frozen=True)
class Flying:
    """A run that has not ended: its state, and since when it has been waiting or running."""

    dag_id: str
    run_id: str
    state: str
    since: datetime


@dataclass(frozen=True)
class Now:
    """What Airflow's database says of this moment.

    Runs that have not ended, paused DAGs, parts of Airflow that are not healthy, DAG files that cannot be read.
    """

    flying: list[Flying]
    paused: list[str]
    unhealthy: list[str]
    import_errors: int


def now() -> Now:
    """Ask Airflow's database."""
    with create_session() as session:
        runs = session.execute(
            select(DagRun.dag_id, DagRun.run_id, DagRun.state, func.coalesce(DagRun.start_date, DagRun.queued_at))
            .where(DagRun.dag_id.in_(DAG_IDS), DagRun.state.in_(_UNFINISHED))
            .order_by(DagRun.queued_at)
        )
        flying = [Flying(*row) for row in runs]
        paused = select(DagModel.dag_id).where(DagModel.dag_id.in_(DAG_IDS), DagModel.is_paused)
        errors = session.scalar(select(func.count()).select_from(ParseImportError)) or 0
        stopped = list(session.scalars(paused.order_by(DagModel.dag_id)))
    told = {name: one["status"] for name, one in get_airflow_health().items()}
    return Now(flying, stopped, [name for name, one in told.items() if one not in (None, "healthy")], errors)


def dags() -> Iterator[Sample]:
    """Yield the state of each DAG of ours that Airflow knows, and of its runs."""
    with create_session() as session:
        known = session.execute(select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(DAG_IDS))).all()
        # The clock of the database, which also stamps what is compared with it.
        age = func.extract("epoch", func.now() - func.min(DagRun.queued_at))
        flying = {
            (dag_id, state): (count, seconds)
            for dag_id, state, count, seconds in session.execute(
                select(DagRun.dag_id, DagRun.state, func.count(), age)
                .where(DagRun.dag_id.in_(DAG_IDS), DagRun.state.in_(_UNFINISHED))
                .group_by(DagRun.dag_id, DagRun.state)
            )
        }
    limit = settings.load()["RUN_DEADLINE_MINUTES"] * 60
    for dag_id, is_paused in known:
        yield m.PAUSED.sample(is_paused, dag_id)
        yield m.DEADLINE.sample(limit, dag_id)
        found = {state: flying.get((dag_id, state), (0, 0)) for state in _UNFINISHED}
        for state, (count, _) in found.items():
            yield m.RUNS_IN_FLIGHT.sample(count, dag_id, state)
        yield m.IN_FLIGHT.sample(max(float(seconds or 0) for _, seconds in found.values()), dag_id)


def components() -> Iterator[Sample]:
    """Yield whether each part of Airflow has a recent heartbeat, and how many DAG files could not be read."""
    for name, told in get_airflow_health().items():
        if told["status"] is not None:
            yield m.COMPONENT.sample(told["status"] == "healthy", name)
    with create_session() as session:
        yield m.IMPORT_ERRORS.sample(session.scalar(select(func.count()).select_from(ParseImportError)) or 0)
