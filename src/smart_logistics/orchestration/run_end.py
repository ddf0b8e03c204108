"""When a run ends, and when the next one starts: the run log is brought up to date."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from smart_logistics.errors import ConfigurationError, LogisticsError
from smart_logistics.orchestration import access, alerts, connections, deadlines, error_record, stats
from smart_logistics.orchestration.api import AirflowApi, NotFound
from smart_logistics.orchestration.error_record import Cause
from smart_logistics.orchestration.run_record import DAG_IDS, ENDED, ERROR_KEY, GUIDE_KEY, LOST, WATCH_ID, record_all

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
_FOLLOWED_RUNS = 10
_WHY_ENDED = {
    "timed_out": "it took longer than a run may take",
    "all_tasks_deadlocked": "no task of it could go on",
}
# What a failed task's own alert may take. Airflow reads no DAG file meanwhile.
_TASKS_OWN_ALERT = 20.0
_UNKNOWN = f"{LOST}, or somebody marked it as failed"
_NO_TASK = "no task of it failed: it took longer than a run may take, or somebody marked it as failed"


def on_run_end(context: Context) -> None:
    """Record and tell of the run that ends here, and of any other that was missed.

    Airflow calls it in the DAG processor. No task failed in a run that timed out, and what runs a task may be killed
    before it tells: the end of the run is then the only one who knows.
    """
    dag_id, run_id, ended_by = str(context["dag"].dag_id), str(context["run_id"]), str(context.get("reason"))
    why = Cause(_WHY_ENDED[ended_by], error_record.ENDED) if ended_by in _WHY_ENDED else None
    if ended_by == "task_failure" and alerts.is_awaited(context):
        started = getattr(context.get("dag_run"), "start_date", None)
        why = None if alerts.was_told(dag_id, run_id, started, _TASKS_OWN_ALERT) else _why_failed(dag_id, run_id)
    heal(dag_id, {run_id: why} if why else {})
    if ended_by == "success":
        _tell_warnings(dag_id, run_id)
    deadlines.look_at_tasks(dag_id, [run_id])
    stats.count("run.ended", dag_id=dag_id, state="success" if ended_by == "success" else "failed")
    _send_gauges()


def _why_failed(dag_id: str, run_id: str) -> Cause:
    """Return the failed tasks of a run, each with the reason that it left."""
    try:
        with access.api() as api:
            return _failed_tasks(api, dag_id, run_id)
    except Exception:  # noqa: BLE001 - it would only make the alert better
        _log.exception("why %s failed could not be asked", run_id)
        return Cause(alerts.NOT_KNOWN, error_record.guide(None))


def _failed_tasks(api: AirflowApi, dag_id: str, run_id: str) -> Cause:
    """Return the failed tasks of a run, each with the reason that it left, and what helps with the first of them."""
    reasons, guides = [], []
    for task in api.tasks(dag_id, run_id):
        if task["state"] == "failed":
            kept, number = api.state_store(dag_id, run_id, task["task_id"]), task["try_number"]
            reasons.append(f"{task['task_id']}: {kept.get(f'{ERROR_KEY}{number}', _UNKNOWN)}")
            guides.append(str(kept.get(f"{GUIDE_KEY}{number}", error_record.guide(None))))
    return Cause("; ".join(reasons), guides[0]) if reasons else Cause(_NO_TASK, error_record.ENDED)


def heal(of_dag: str = "", reasons: Mapping[str, Cause] | None = None) -> None:
    """Record every run that ended lately, of whichever DAG, and is not recorded as it is; tell of what nobody told.

    What the pipeline says about itself must not stop it: a failure is logged as an error, and the next call makes it
    good. ``reasons`` gives, by run of the DAG ``of_dag``, why it ended: runs of two DAGs may be named alike.
    """
    try:
        with access.api() as api:
            for dag_id in (*DAG_IDS, WATCH_ID):
                _follow(api, dag_id, reasons if dag_id == of_dag else None)
            count = record_all(api, connections.lakehouse())
    except LogisticsError as error:
        _log.error("the run log could not be written: %s", error)
    except Exception:  # noqa: BLE001 - a table that cannot be read, an answer that nobody expected
        _log.exception("the run log could not be written")
    else:
        _log.info("run log: %d run(s) recorded", count)


def _follow(api: AirflowApi, dag_id: str, reasons: Mapping[str, Cause] | None) -> None:
    """Tell of a DAG's ended runs; one that Airflow does not know has none."""
    try:
        ended = api.runs(dag_id, states=ENDED, limit=_FOLLOWED_RUNS)
    except NotFound:
        return
    alerts.follow(dag_id, ended, reasons, lambda run_id: _failed_tasks(api, dag_id, run_id))


def _send_gauges() -> None:
    if not stats.is_on():
        return
    try:
        stats.gauges(connections.lakehouse(), connections.landing())
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the tables could not be measured")


def _tell_warnings(dag_id: str, run_id: str) -> None:
    try:
        alerts.on_good_run(dag_id, run_id, connections.lakehouse())
    except ConfigurationError as error:
        _log.error("the warnings of the run could not be told: %s", error)
