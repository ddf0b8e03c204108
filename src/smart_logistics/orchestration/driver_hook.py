"""The hook that submits: a driver tethered to its task, ended wherever it runs, its output and exit code ours."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

from airflow.configuration import conf as airflow_conf
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.common.compat.sdk import AirflowException, Connection
from airflow.security.kerberos import renew_from_kt

from smart_logistics.errors import ConfigurationError, EnvironmentFault, LakeUnavailable
from smart_logistics.jobs import catalog, submit, tether, warm
from smart_logistics.orchestration import connections
from smart_logistics.orchestration.driver_log import DriverLog, JobCrashed

# What `yarn application -kill` may take, its JVM's start included.
_KILL_SECONDS = 30.0


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
        # Told once of the driver in the cluster (see ``in_cluster``), before anything can befall this process.
        self.identified: Callable[[str], None] = lambda _: None
        self._is_over = False

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return a connection.

        Raises:
            ConfigurationError: it is missing. The provider would submit to yarn.
        """
        return connections.required(conn_id)

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
            if self.in_cluster:
                # spark-submit may have lost the cluster, or its own life, and not the driver.
                self._end()
            code = self._submit_sp.returncode if self._submit_sp else None
            if watch.ran_out:
                raise JobCrashed(
                    f"the driver of {self.job.name} took longer than {self.minutes} min and was ended",
                    remedy="see its log; the Variable logistics_job_timeout_minutes allows it more",
                ) from None
            if not code:
                raise
            raise self.driver.failure(self.job.name, code) from None
        self._is_over = True
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
                known = self.in_cluster
                yield line
                if self.in_cluster and self.in_cluster != known:
                    self.identified(self.in_cluster)
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

    @property
    def in_cluster(self) -> str | None:
        """The driver that may still run in the cluster: an application of YARN, or a pod of Kubernetes."""
        if not self.is_cluster_mode or self._is_over or self._spark_exit_code is not None:
            return None
        return self._yarn_application_id or self._kubernetes_driver_pod

    def end_in_cluster(self, driver: str) -> None:
        """End a driver that runs in the cluster, in the provider's way; nothing where it has ended already.

        The provider itself does so only while spark-submit lives, and waits without a limit.

        Raises:
            EnvironmentFault: there is no ``yarn`` to do it with.
            LakeUnavailable: YARN did not do it.
        """
        self.log.warning("the driver %s in the cluster is ended, should it still run", driver)
        if self._is_yarn:
            self._kill_application(driver)
        else:
            self._kubernetes_driver_pod = driver
            self._connection["namespace"] = self._connection["namespace"] or "default"  # as Spark has it
            self._delete_driver_pod()

    def _kill_application(self, application: str) -> None:
        environment = dict(os.environ)
        if self._connection["keytab"] is not None and self._connection["principal"] is not None:
            renew_from_kt(self._connection["principal"], self._connection["keytab"], exit_on_fail=False)
            environment["KRB5CCNAME"] = airflow_conf.get_mandatory_value("kerberos", "ccache")
        remedy = f"end it by hand: yarn application -kill {application}"
        try:
            done = subprocess.run(
                ["yarn", "application", "-kill", application],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_KILL_SECONDS,
                check=False,
                # Airflow kills the task's process group five seconds after it has asked; this is to be done even so.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise EnvironmentFault(f"there is no `yarn` on the PATH to end {application} with", remedy=remedy) from None
        except subprocess.TimeoutExpired:
            raise LakeUnavailable(f"YARN did not end {application} within {_KILL_SECONDS:g} s", remedy=remedy) from None
        if done.returncode and "doesn't exist" not in done.stdout:
            why = (done.stdout.strip().splitlines() or ["no message"])[-1][:500]
            raise LakeUnavailable(f"YARN did not end {application}: {why}", remedy=remedy)

    def _end(self) -> None:
        """End the driver: first the one in the cluster, which outlives its spark-submit, then what runs here."""
        if driver := self.in_cluster:
            try:
                self.end_in_cluster(driver)
            except Exception:
                self.log.exception("the driver %s may go on in the cluster", driver)
            else:
                self._is_over = True
        if self._submit_sp is not None and self._submit_sp.poll() is None:
            self._submit_sp.send_signal(signal.SIGTERM)

    def on_kill(self) -> None:
        """End the driver, wherever it runs: beside the task, the tether asks it to close, waits, kills what is left."""
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
