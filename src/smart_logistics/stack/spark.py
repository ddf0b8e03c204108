"""Spark as a cluster on one machine: master, worker, and the properties that every job is submitted with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from smart_logistics import parsing
from smart_logistics.errors import EnvironmentFault
from smart_logistics.jobs import submit, warm
from smart_logistics.lake import spark_conf
from smart_logistics.settings import REPOSITORY, Settings
from smart_logistics.stack import class_archive
from smart_logistics.stack.credentials import secret, write_private
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.ports import LOOPBACK, Ports
from smart_logistics.stack.program import YIELDS, Program, configured_by

AUTHENTICATION = "spark-authenticate"
SESSION = "spark-session"
LOG4J2_TEMPLATE = REPOSITORY / "config" / "log4j2.properties"
SPARK_VERSION = "4.2.0"
# The worker promises what its machine has twice over: two applications run side by side and share the processors.
_APPLICATIONS = 2
# Numbers for the worker's book-keeping only; an executor takes 1 GiB, see spark_conf.
_WORKER_MEMORY = "4g"
# How long a new master waits for a worker or driver of its predecessor's to answer; nothing is scheduled meanwhile.
_RECOVERY_SECONDS = 15


def spark_environment() -> Path:
    """Return the jobs' Python environment.

    Raises:
        EnvironmentFault: it is not installed.
    """
    path = submit.SPARK_ENVIRONMENT
    if not (path / "bin" / "python").exists():
        raise EnvironmentFault(f"the jobs' environment {path} is not installed", remedy="run `make install`")
    return path


def spark_python() -> Path:
    """Return the Python of the jobs."""
    return spark_environment() / "bin" / "python"


def spark_home() -> Path:
    """Return Spark's own folder in the jobs' environment.

    Raises:
        EnvironmentFault: Spark is not there, or another version.
    """
    home = submit.spark_home()
    core = next(home.glob("jars/spark-core_*.jar")).stem
    if not core.endswith(f"-{SPARK_VERSION}"):
        raise EnvironmentFault(
            f"the jobs' environment has {core}, but {SPARK_VERSION} is needed", remedy="run `make install`"
        )
    return home


def master_url(settings: Settings, ports: Ports) -> str:
    """Return the master that jobs are submitted to: the given one, else the local cluster."""
    return settings["SPARK_MASTER"] or f"spark://{LOOPBACK}:{ports['SPARK_PORT']}"


def is_local_cluster(settings: Settings) -> bool:
    """Tell whether the stack runs its own cluster."""
    return settings["SPARK_MASTER"] is None


def has_session(settings: Settings) -> bool:
    """Tell whether the stack starts a warm session: asked for, on our own cluster, for tables on this machine."""
    return settings["SPARK_SESSION"] == parsing.WARM and is_local_cluster(settings) and "://" not in settings.lakehouse


def archive_of(settings: Settings, home: Home, java: Java) -> Path | None:
    """Return where the class-data archive of the jobs is, or will be; None with a cluster elsewhere, or such a Java."""
    return class_archive.place(home, java) if is_local_cluster(settings) else None


def log_levels(file: Path) -> str:
    """Return the option of a JVM that logs as ``file`` says."""
    # A URI: it needs no quoting, whatever the home's path is.
    return f"-Dlog4j2.configurationFile={file.as_uri()}"


def write_properties(settings: Settings, home: Home, ports: Ports, java: Java) -> None:
    """Write the properties of the jobs and of the daemons, and the log levels."""
    home.log4j2.write_text(LOG4J2_TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    given = is_local_cluster(settings)
    authentication = (
        {"spark.authenticate": "true", "spark.authenticate.secret": secret(home, AUTHENTICATION)} if given else {}
    )
    java_options = [log_levels(home.log4j2)]
    archive = archive_of(settings, home, java)
    if archive is not None:
        _write_rehearsal(home, java_options + class_archive.made(archive))
        java_options += class_archive.used(archive)
    # Where a job's driver is to be reached follows from its master, which a connection may change.
    jobs = partial(spark_conf.job_properties, home.jars, home.spark_scratch, java_options=java_options, near=False)
    cluster = spark_conf.cluster_properties(master_url(settings, ports), python=str(spark_python()), cores=processors())
    cluster |= authentication
    write_private(home.spark_properties, spark_conf.render(jobs() | cluster))
    if has_session(settings):
        token = secret(home, SESSION)
        shared = spark_conf.session_properties(ports["SPARK_SESSION_PORT"], token)
        write_private(home.session_properties, spark_conf.render(jobs(stays=True) | cluster | shared))
        # By this name, and no other, the client takes the way that is not encrypted, which never leaves the machine.
        remote = f"sc://localhost:{ports['SPARK_SESSION_PORT']}"
        write_private(home.session, warm.Session(remote, master_url(settings, ports), token).text())
    else:
        home.session.unlink(missing_ok=True)
    if given:
        daemons = authentication | {
            "spark.worker.cleanup.enabled": "true",
            "spark.worker.cleanup.interval": "1800",
            "spark.worker.cleanup.appDataTtl": "86400",
            "spark.deploy.retainedApplications": "50",
            # A master that is started again takes up the applications of the one before. Without it their executors
            # are ended by the worker as unknown, and the drivers wait for others for as long as their tasks may take.
            "spark.deploy.recoveryMode": "FILESYSTEM",
            "spark.deploy.recoveryDirectory": str(home.spark_recovery),
            "spark.deploy.recoveryTimeout": str(_RECOVERY_SECONDS),
            # The page asks for no password, so it must not be able to do anything.
            "spark.ui.killEnabled": "false",
        }
        write_private(home.spark_daemon_properties, spark_conf.render(daemons))


def _write_rehearsal(home: Home, java_options: list[str]) -> None:
    """Write the properties of the rehearsal: those of a job, but for the option that makes the archive."""
    properties = spark_conf.job_properties(home.jars, home.spark_scratch, java_options=java_options)
    properties |= spark_conf.cluster_properties("local[2]", python=str(spark_python()), cores=2)
    write_private(home.rehearsal_properties, spark_conf.render(properties))


def forget_applications(home: Home) -> None:
    """Drop what an earlier stack's master knew, which nobody answers for any more; only while no master runs."""
    for path in home.spark_recovery.iterdir():
        path.unlink()


def processors() -> int:
    """Return how many processors this machine lets us have."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def programs(settings: Settings, home: Home, ports: Ports, java: Java) -> list[Program]:
    """Return master and worker, a warm session, what makes the class-data archive; nothing with a cluster elsewhere."""
    if not is_local_cluster(settings):
        return []
    environment = {
        "SPARK_HOME": str(spark_home()),
        # Spark's own start script says it; without it the worker cannot put an executor's command together.
        "SPARK_SCALA_VERSION": "2.13",
        "JAVA_HOME": str(java.home),
        # Without it the pages would listen on every interface.
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_WORKER_DIR": str(home.spark_work),
        "SPARK_LOCAL_DIRS": str(home.spark_scratch),
        "PYSPARK_PYTHON": str(spark_python()),
    }

    archive = archive_of(settings, home, java)
    # What drivers load to talk to a master, the master loads, too.
    archived = class_archive.used(archive) if archive else []

    def daemon(name: str, main: str, port: str, page: str, *arguments: str) -> Program:
        command = (
            *(java.binary, "-Xms32m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC"),
            *(log_levels(home.log4j2), "-Djava.net.preferIPv4Stack=true", *archived),
            *("-cp", class_archive.class_path(home), main),
            *("--host", LOOPBACK, "--port", str(ports[port]), "--webui-port", str(ports[page])),
            *("--properties-file", str(home.spark_daemon_properties)),
            *arguments,
        )
        return Program(name, command, environment, port=ports[page], path="/", niceness=YIELDS)

    warm_session = has_session(settings)
    cores = str((_APPLICATIONS + warm_session) * processors())
    return [
        daemon("spark-master", "org.apache.spark.deploy.master.Master", "SPARK_PORT", "SPARK_UI_PORT"),
        daemon(
            "spark-worker",
            "org.apache.spark.deploy.worker.Worker",
            "SPARK_WORKER_PORT",
            "SPARK_WORKER_UI_PORT",
            *("--cores", cores, "--memory", _WORKER_MEMORY, "--work-dir", str(home.spark_work)),
            master_url(settings, ports),
        ),
        *([_session(home, archive, environment)] if warm_session else []),
        *([class_archive.program(home, archive, environment)] if archive else []),
    ]


def _session(home: Home, archive: Path | None, environment: Mapping[str, str]) -> Program:
    """Return the warm session: a driver as any other, that stays."""
    script = (str(warm.SCRIPT), *([str(archive)] if archive else []))
    command = (submit.SPARK_SUBMIT, "--properties-file", str(home.session_properties), *script)
    surroundings = {"PYSPARK_DRIVER_PYTHON": str(spark_python()), **configured_by(home.session_properties)}
    return Program(SESSION, command, {**environment, **surroundings}, niceness=YIELDS)
