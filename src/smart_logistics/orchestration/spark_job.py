"""One task, one driver: a job through Airflow's own spark-submit operator, tied to the task's life and errors."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.log import mask_secret

from smart_logistics import settings
from smart_logistics.errors import SessionUnusable
from smart_logistics.jobs import catalog, submit, tether, warm
from smart_logistics.orchestration import connections, lineage, predecessor, requests, stats
from smart_logistics.orchestration.driver_hook import DriverHook
from smart_logistics.orchestration.driver_log import DriverLog, JobCrashed

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
# Key of the task's state store, which outlives its tries: the driver of theirs that runs in the cluster.
_IN_CLUSTER = "driver_in_cluster"
# Joins the Spark UI to Airflow: which run, task and try a driver belongs to.
APPLICATION_NAME = "{{ dag.dag_id }}.{{ task.task_id }}.{{ run_id }}.try{{ ti.try_number }}"


def template_arguments(job: catalog.Job) -> list[str]:
    """Return a job's arguments as templates of the run, the Variables and the landing connection."""
    return job.arguments(
        run_id="{{ run_id }}",
        lakehouse=f"{{{{ var.value.{connections.LAKEHOUSE} }}}}",
        landing=f"{{{{ conn.{connections.LANDING}.extra_dejson.path }}}}",
        setting=lambda name: f"{{{{ var.value.{settings.BY_NAME[name].airflow_variable} }}}}",
        asked=requests.template,
    )


class SparkJobOperator(SparkSubmitOperator):
    """Run one job of the catalog through the connection ``logistics_spark``; its counts are the task's XCom.

    Args:
        job: the job; its name is the task's id.
        properties_file: Spark configuration, which holds secrets and is therefore a file and no argument.
    """

    def __init__(self, *, job: str, properties_file: str, **kwargs: Any) -> None:
        self.job = catalog.JOBS[job]
        self.counts: dict[str, Any] = {}
        super().__init__(
            application=self.job.script,
            application_args=template_arguments(self.job),
            conn_id=connections.SPARK,
            name=APPLICATION_NAME,
            properties_file=properties_file,
            spark_binary=submit.SPARK_SUBMIT,
            # Resuming asks YARN's or Kubernetes' own API, which need not be reachable; spark-submit waits for the end.
            durable=False,
            inlets=lineage.inlets(self.job),
            outlets=lineage.outlets(self.job),
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit the job, wait for it and return its counts.

        Raises:
            LogisticsError: of the class that the job's exit code and error line name.
        """
        began = time.monotonic()
        self.outlets = [] if requests.is_dry(context) else self.outlets  # what only looked updates no asset
        try:
            counts = self._run(context)
        except BaseException as error:
            stats.job_ended(self.job.name, time.monotonic() - began, None, error)
            raise
        stats.job_ended(self.job.name, time.monotonic() - began, counts, None)
        self.counts = counts
        return counts

    @property
    def driver_log(self) -> DriverLog | None:
        """What the driver of this try has said; None before it was started."""
        return self._hook.driver if isinstance(self._hook, DriverHook) else None

    def get_openlineage_facets_on_start(self) -> Any:
        """Return what OpenLineage is told when the job starts."""
        return lineage.datasets(self.job, {})

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what OpenLineage is told when it has ended, well or not."""
        return lineage.datasets(self.job, self.counts)

    def _run(self, context: Context) -> dict[str, Any]:
        # Airflow's supervisor can be killed, too, and a driver that is silent would not make this process notice.
        tether.die_with_parent(os.getppid())
        submit.spark_home()
        whose = _instance(context)
        with connections.asked_once():
            hook = self._hook = self._get_hook()
            hook.require_possible()
            hook.session = connections.warm_session(self.job, hook.master, hook.is_cluster_mode)
        predecessor.end(whose, lambda run_id: _is_running(context, run_id))
        if hook.is_cluster_mode and (driver := context["task_state_store"].get(_IN_CLUSTER)):
            # The one of an earlier try that was itself killed. Of a hook of its own: the provider's holds one driver.
            self._get_hook().end_in_cluster(str(driver))
        if hook.session is not None:
            try:
                return self._submitted(context, hook, whose)
            except SessionUnusable as error:
                self.log.warning("%s; %s %s", error.what, self.job.name, warm.OWN_DRIVER)
                # Mostly it says that rows are many.
                hook = self._hook = self._get_hook(many_rows=True)
        return self._submitted(context, hook, whose)

    def _submitted(self, context: Context, hook: DriverHook, whose: predecessor.Instance) -> dict[str, Any]:
        given = submit.environment(self.job, source_dsn=self._source_dsn(), master=hook.master)
        hook.environment = given | (hook.session.variables() if hook.session else {}) | whose.mark()
        hook.minutes = (submit.of_job(connections.setting("JOB_TIMEOUT_MINUTES"), self.job) or [None])[-1]
        hook.identified = lambda driver: _keep(context, driver)
        try:
            super().execute(context)
        except Exception:
            predecessor.end_own(whose)
            raise
        finally:
            if hook.is_cluster_mode and hook.in_cluster is None:
                _keep(context, None)
        if hook.driver.result is None and not hook.is_cluster_mode:
            raise JobCrashed(f"{self.job.name} ended well but reported no counts", remedy="see the task's log")
        counts = hook.driver.result or {}
        self.log.info("%s: %s", self.job.name, counts)
        return counts

    def _source_dsn(self) -> str | None:
        if not self.job.reads_source:
            return None
        dsn = connections.dsn(connections.required(connections.POSTGRES))
        mask_secret(dsn)
        return dsn

    def _get_hook(self, *, many_rows: bool = False) -> DriverHook:
        site = submit.spark_conf(connections.setting("SPARK_CONF"), self.job)
        return DriverHook(
            self.job,
            conf={**(self.conf or {}), **submit.of_size(self.job, many_rows=many_rows), **site},
            conn_id=self._conn_id,
            name=self.name,
            application_args=self.application_args,
            spark_binary=self._spark_binary,
            properties_file=self.properties_file,
            deploy_mode=self._deploy_mode,
        )


def _instance(context: Context) -> predecessor.Instance:
    ti = context["ti"]
    return predecessor.Instance(str(settings.load().home), ti.dag_id, ti.task_id, ti.run_id, ti.try_number)


def _keep(context: Context, driver: str | None) -> None:
    """Keep the driver in the cluster for the next try, should this one be killed; forget it where it has ended."""
    store = context["task_state_store"]
    try:
        if driver is None:
            store.delete(_IN_CLUSTER)
        else:
            store.set(_IN_CLUSTER, driver)
    except Exception:  # noqa: BLE001 - a job that runs, or has run, is worth more than the note of it
        _log.exception("the driver in the cluster could not be noted for the next try")


def _is_running(context: Context, run_id: str) -> bool:
    """Return whether Airflow says that the same task of another run runs."""
    ti: Any = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[run_id])
    return bool(states.get(run_id, {}).get(ti.task_id) == "running")
