"""What a failure means for the task: retry or not, the record of it, and the reason where the run log finds it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from smart_logistics.errors import LogisticsError
from smart_logistics.orchestration import error_record
from smart_logistics.orchestration.run_record import ERROR_KEY, GUIDE_KEY, LOST

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
_LONGEST_REASON = 2000


def reason(error: BaseException | str | None) -> str:
    """Return an error as one line of text, of bounded length."""
    if error is None:
        return LOST
    text = str(error) if isinstance(error, (LogisticsError, str)) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_REASON]


class ByCause(RetryPolicy):
    """Fail at once where a retry cannot help; else the task's own retries and delays apply.

    Asked once for each failed try, in the worker, while the task's state store can still be reached: the one place to
    write the record of every try and to keep its reason. (An XCom would be cleared by the next one, and Airflow's API
    has no field for it.)
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the class of the error."""
        why = reason(exception)
        if context is not None:
            try:
                _log.error("%s", error_record.text(context, exception, why, try_number, max_tries))
                context["task_state_store"].set(f"{ERROR_KEY}{try_number}", why)
                context["task_state_store"].set(f"{GUIDE_KEY}{try_number}", error_record.guide(exception))
            except Exception:  # noqa: BLE001 - the reason is in the log too; the decision must not depend on the store
                _log.exception("the reason of try %s could not be recorded or kept for the run log", try_number)
        if isinstance(exception, LogisticsError) and not exception.transient:
            return RetryDecision.fail(reason=why)
        return RetryDecision.retry(reason=why)
