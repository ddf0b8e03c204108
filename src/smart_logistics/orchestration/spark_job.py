"""One task, one driver: a job through Airflow's own spark-submit operator, tied to the task's life and errors."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.log import mask_secret

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError, EnvironmentFault, SessionUnusable
from smart_logistics.jobs import catalog, submit, tether, warm
from smart_logistics.orchestration import connections, lineage, predecessor, requests, stats
from smart_logistics.orchestration.driver_log import DriverLog, JobCrashed

if TYPE_CHECKING:
    from airflow.sdk import Context

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


class DriverHook(SparkSubmitHook):
    """The provider's hook, with a tethered driver whose environment, output and exit code are ours.

    ``environment`` is set at execution only: it may hold the source's DSN and is neither templated nor rendered.
    """

    job: catalog.Job
    environment: dict[str, str]

    def __init__(self, job: catalog.Job, **kwargs: Any) -> None:
        try:
            super().__init__(**kwargs)
        except (NameError, RuntimeError) as error:
            # The provider looks for it where the master is one of Kubernetes, and stumbles over its absence.
            if "kube" not in str(error).lower():
                raise
            raise EnvironmentFault(
                "a k8s:// master needs the Python package `kubernetes`, which is not installed beside Airflow",
                remedy="install it there, or choose another master in the connection logistics_spark",
            ) from None
        self.job = job
        self._conf = submit.of_master(self.master) | (self._conf or {})
        self.environment = {}
        self.session: warm.Session | None = None
        self.minutes: int | None = None
        self.driver = DriverLog()

    def _get_spark_binary_path(self) -> list[str]:
        given = self._connection["spark_binary"]
        return submit.tethered(*([given] if self.session is None else self.session.words(submit.SPARK_PYTHON)))

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        """Submit and wait; raise one of our errors where the driver ends with another code than 0."""
        kwargs |= {
            "env": self.environment,
            "stdin": subprocess.DEVNULL,
            # A driver's bytes are data: whatever they are, the log is written.
            "encoding": "utf-8",
            "errors": "replace",
        }
        watch = _Watch(self._end, self.minutes)
        try:
            with watch:
                driver_id: str | None = super().submit(application, **kwargs)
        except AirflowException:
            code = self._submit_sp.returncode if self._submit_sp else None
            if not code:
                raise
            if watch.ran_out:
                raise JobCrashed(
                    f"the driver of {self.job.name} took longer than {self.minutes} min and was ended",
                    remedy="see its log; the Variable logistics_job_timeout_minutes allows it more",
                ) from None
            raise self.driver.failure(self.job.name, code) from None
        return driver_id

    def _process_spark_submit_log(self, itr: Iterator[str]) -> None:
        super()._process_spark_submit_log(self._logged(itr))

    def _logged(self, lines: Iterator[str]) -> Iterator[str]:
        """Log each line at its own level; yield those that the provider looks for identifiers in (cluster modes)."""
        is_cluster = self.is_cluster_mode
        if self._is_kubernetes and not is_cluster:
            # The provider sets it only where it sees lines, and takes none for a failure.
            self._spark_exit_code = 0
        for line in lines:
            if is_cluster:
                self.driver.read(line)
                yield line
            elif read := self.driver.read(line):
                level, text = read
                self.log.log(level, "%s", text)

    @property
    def master(self) -> str:
        """The master's URL."""
        return str(self._connection["master"])

    @property
    def is_cluster_mode(self) -> bool:
        """Whether the driver runs in the cluster and not beside the task."""
        return bool(self._connection["deploy_mode"] == "cluster")

    def require_possible(self) -> None:
        """See that the connection asks for nothing that Spark, or a secret, does not allow.

        Raises:
            ConfigurationError: it does.
        """
        if not self.is_cluster_mode:
            return
        if not self.master.startswith(("yarn", "k8s://")):
            raise ConfigurationError(
                f"{self.master} has no cluster mode for Python jobs",
                remedy=f"take deploy-mode out of the extra of {connections.SPARK}: the driver then runs here",
            )
        if self.job.reads_source and f"{submit.CLUSTER_HELD}{submit.SOURCE_DSN}" not in (self._conf or {}):
            raise ConfigurationError(
                f"the driver of {self.job.name} would run in the cluster without knowing the source's DSN",
                remedy="use client mode, or on Kubernetes name a secret in logistics_spark_conf, see docs/running.md",
            )

    def _end(self) -> None:
        if self._submit_sp is not None and self._submit_sp.poll() is None:
            self._submit_sp.send_signal(signal.SIGTERM)

    def on_kill(self) -> None:
        """End the driver: the tether asks it to close, waits, and kills what is left."""
        self._end()
        process = self._submit_sp
        if process is not None:
            try:
                process.wait(timeout=tether.GRACE_SECONDS + 2)
            except subprocess.TimeoutExpired:
                self.log.warning("the driver of %s did not end in time and is killed", self.job.name)
        super().on_kill()


class _Watch:
    """Ends what takes longer than so many minutes, and remembers that it did."""

    def __init__(self, end: Callable[[], None], minutes: int | None) -> None:
        self.ran_out = False
        self._end = end
        self._timer = threading.Timer(minutes * 60.0, self._now) if minutes else None

    def _now(self) -> None:
        self.ran_out = True
        self._end()

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


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
        # The provider would submit to yarn where the connection is missing.
        connections.required(connections.SPARK)
        hook = self._hook = self._get_hook()
        hook.require_possible()
        whose = _instance(context)
        predecessor.end(whose, lambda run_id: _is_running(context, run_id))
        hook.session = connections.warm_session(self.job, hook.master, hook.is_cluster_mode)
        if hook.session is not None:
            try:
                return self._submitted(context, hook, whose)
            except SessionUnusable as error:
                self.log.warning("%s; %s is submitted with a driver of its own", error.what, self.job.name)
                hook = self._hook = self._get_hook()
        return self._submitted(context, hook, whose)

    def _submitted(self, context: Context, hook: DriverHook, whose: predecessor.Instance) -> dict[str, Any]:
        given = submit.environment(self.job, source_dsn=self._source_dsn(), master=hook.master)
        hook.environment = given | (hook.session.variables() if hook.session else {}) | whose.mark()
        hook.minutes = (submit.of_job(connections.setting("JOB_TIMEOUT_MINUTES"), self.job) or [None])[-1]
        try:
            super().execute(context)
        except Exception:
            predecessor.end_own(whose)
            raise
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

    def _get_hook(self) -> DriverHook:
        return DriverHook(
            self.job,
            conf={**(self.conf or {}), **submit.spark_conf(connections.setting("SPARK_CONF"), self.job)},
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


def _is_running(context: Context, run_id: str) -> bool:
    """Return whether Airflow says that the same task of another run runs."""
    ti: Any = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[run_id])
    return bool(states.get(run_id, {}).get(ti.task_id) == "running")
