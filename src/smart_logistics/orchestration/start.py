"""The first task: a run that cannot work says so before anything is read; runs that nobody recorded are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from smart_logistics.orchestration import connections
from smart_logistics.orchestration.run_end import heal

if TYPE_CHECKING:
    from airflow.sdk import Context


class StartOperator(BaseOperator):
    """Check the configuration of the run; then make good for run-log entries that a crash has cost."""

    def execute(self, context: Context) -> None:
        """Check and heal.

        Raises:
            ConfigurationError: a connection or Variable is missing or not usable; all of them are named.
        """
        connections.check()
        heal(self.dag_id)
