"""The first task: a run that cannot work says so before anything is read; what was missed before it is made good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from smart_logistics import settings
from smart_logistics.orchestration import connections, deadlines, requests
from smart_logistics.orchestration.run_end import heal

if TYPE_CHECKING:
    from airflow.sdk import Context


class StartOperator(BaseOperator):
    """Check the configuration of the run; then record and tell what a crash has cost, and look how old Gold is."""

    def execute(self, context: Context) -> None:
        """Check and heal; a dry run only checks.

        Raises:
            ConfigurationError: a connection or Variable is missing or not usable (all of them are named), or what was
                asked of the run does not go together.
        """
        request = requests.asked(context)
        connections.check()
        self.log.info("asked for: %s", request)
        if request.dry_run:
            return
        heal()
        deadlines.look_at_gold(self.dag_id, settings.load())
