"""From when a run's deadlines count: from when it was queued, as Airflow's own ``DAGRUN_QUEUED_AT`` does.

A reference of our own, because a run with unmissed deadlines of Airflow's cannot be cleared in Airflow 3.3: the API
server answers HTTP 500, for it takes the interval to be a number, which is JSON now
(https://github.com/apache/airflow/issues/70368). Ours is left alone when a run is cleared: its deadlines keep their
moments, and ``deadlines`` sees to it that time is counted from the last queueing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineReference, deadline_reference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@deadline_reference(DeadlineReference.TYPES.DAGRUN_QUEUED)
class RunQueued(BaseDeadlineReference):
    """When a run was queued; Airflow finds it through the plugin of this package."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return the moment; called by the scheduler or the API server when the run is made."""
        # Models are the server's own, and tasks load this module, too.
        from airflow.models import DagRun
        from sqlalchemy import select

        wanted = (DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        found: datetime | None = session.scalar(select(DagRun.queued_at).where(*wanted))
        return found
