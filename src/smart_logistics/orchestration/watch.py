"""The task of `smart_logistics_watch`: notices what no run can say of itself, above all that none comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from smart_logistics import settings
from smart_logistics.orchestration import deadlines
from smart_logistics.orchestration.run_end import heal

if TYPE_CHECKING:
    from airflow.sdk import Context

PAGE = """# Smart Logistics: a look every quarter of an hour.

**Purpose.** Notices what no run of the pipeline can say of itself: that none has succeeded for too long (*Gold is
stale*, one mail for each spell, also while the pipeline is paused), that a run under way or a task of it takes
unusually long, that a run ended without anybody having told of it. Alerts that the mail server refused go out with it.

**Is it safe to re-run?** Yes, at any time: it looks, and what was told or recorded is not told or recorded again.

**When is a failure normal?** Never. Airflow's API or the lakehouse could not be asked; the next look makes it good.

**Where to look.** `logistics query "SELECT * FROM ops.missed_deadlines ORDER BY missed_at DESC"`; docs/alerts.md.
"""


class WatchOperator(BaseOperator):
    """Look once at the DAG ``watched``: its ended runs, its running tasks, and how old what it makes is."""

    def __init__(self, *, watched: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.watched = watched

    def execute(self, context: Context) -> None:
        """Look; what is missing is told and recorded, and is no failure of the task."""
        given = settings.load()
        heal()
        deadlines.look_at_gold(self.watched, given)
        deadlines.look_at_runs_under_way(self.watched, given)
