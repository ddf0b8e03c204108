"""The first task: a run that cannot work says so before anything is read; what was missed before it is made good."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from smart_logistics import settings
from smart_logistics.orchestration import deadlines, requests, start_check
from smart_logistics.orchestration.run_end import heal

if TYPE_CHECKING:
    from airflow.sdk import Context

_NICENESS = 10
# The tasks that follow start meanwhile, on the same two processors and through the same API server.
_A_MOMENT = 3.0


class StartOperator(BaseOperator):
    """Check the configuration of the run; with it begun, make good what was missed before (``make_good``)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(on_success_callback=make_good, **kwargs)

    def execute(self, context: Context) -> None:
        """Check.

        Raises:
            ConfigurationError: a connection or Variable is missing or not usable (all of them are named), or what was
                asked of the run does not go together.
        """
        request = requests.asked(context)
        start_check.check()
        self.log.info("asked for: %s", request)


def make_good(context: Context) -> None:
    """Record and tell what a crash has cost, and look how old Gold is; for a dry run nothing.

    Airflow calls it when the task has succeeded: the run goes on meanwhile. Whatever keeps it from its end, the next
    run or the watch does it again. It stands behind the tasks that begin, which want the processors more.
    """
    if not requests.asked(context).dry_run:
        os.nice(_NICENESS)
        time.sleep(_A_MOMENT)
        heal()
        deadlines.look_at_gold(context["dag"].dag_id, settings.load())
