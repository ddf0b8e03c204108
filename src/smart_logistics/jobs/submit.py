"""How a job is submitted: the command and the environment. The DAG's operator and `logistics job` both use it.

Standard library only. The command carries no secret: the source's DSN goes into the environment, and only for the jobs
that read the source.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_logistics.errors import ConfigurationError, EnvironmentFault
from smart_logistics.jobs.catalog import PIPELINE, Job
from smart_logistics.lake.spark_conf import FOR_MANY_ROWS, ON_THIS_MACHINE
from smart_logistics.settings import REPOSITORY

SOURCE_DSN = "LOGISTICS_SOURCE_DSN"
SPARK_ENVIRONMENT = REPOSITORY / ".venv-spark"
_SPARK_BIN = SPARK_ENVIRONMENT / "bin"
SPARK_SUBMIT = str(_SPARK_BIN / "spark-submit")
SPARK_PYTHON = str(_SPARK_BIN / "python")
_TETHER = Path(__file__).with_name("tether.py")
# Names a secret of Kubernetes, ``name:key``, and holds none.
CLUSTER_HELD = "spark.kubernetes.driver.secretKeyRef."
_SECRET = ("secret", "password", "token", "access.key", "credential")
# What the submitter knows and a driver has no business with: Airflow's configuration (keys, database) and mail.
_WITHHELD = ("AIRFLOW", "_AIRFLOW", "LOGISTICS_SMTP", SOURCE_DSN)


def spark_home() -> Path:
    """Return Spark's own folder in the jobs' environment.

    Raises:
        EnvironmentFault: it is not there.
    """
    found = sorted(SPARK_ENVIRONMENT.glob("lib/python3*/site-packages/pyspark"))
    if not found or not list(found[0].glob("jars/spark-core_*.jar")):
        raise EnvironmentFault(f"there is no Spark in {SPARK_ENVIRONMENT}", remedy="run `make install`")
    return found[0]


def tethered(*binary: str) -> list[str]:
    """Return the words before spark-submit's arguments: a launcher that lets no driver outlive its submitter."""
    return [sys.executable, "-IS", str(_TETHER), str(os.getpid()), *binary]


def is_near(master: str) -> bool:
    """Return whether driver and executors all run on this machine: nobody else need be able to call back."""
    scheme, _, hosts = master.partition("://")
    if not hosts:
        return master.startswith("local")
    near = ("127.0.0.1", "localhost", "[::1]")
    return scheme == "spark" and all(one.rpartition(":")[0] in near for one in hosts.split(","))


def of_master(master: str) -> dict[str, str]:
    """Return the Spark settings that follow from where a job goes; the site's own come after them.

    On this machine nobody else may reach the driver. Elsewhere executors call it back, so Spark chooses its address;
    and the secret that the home's own cluster asks for is none of theirs, nor are they told it.
    """
    if is_near(master):
        return dict(ON_THIS_MACHINE)
    return {"spark.authenticate": "false"}


def of_size(job: Job, *, many_rows: bool = False) -> dict[str, str]:
    """Return the Spark settings that follow from how much a driver of its own has to do: what is new, or everything."""
    return dict(FOR_MANY_ROWS) if many_rows or job.name not in PIPELINE else {}


def of_job(text: str, job: Job) -> list[Any]:
    """Return what a JSON object by job says for all and for ``job``, the more special one last."""
    found = json.loads(text)
    return [found[key] for key in ("*", job.name) if key in found]


def spark_conf(text: str, job: Job) -> dict[str, str]:
    """Return the Spark settings that SPARK_CONF gives a job.

    Raises:
        ConfigurationError: one of them would show a secret, as every argument of a process does.
    """
    conf = {str(key): str(value) for one in of_job(text, job) for key, value in one.items()}
    holding = [key for key in conf if not key.startswith(CLUSTER_HELD)]
    secret = [key for key in holding if any(word in key.lower() for word in _SECRET)]
    if secret:
        raise ConfigurationError(
            f"the setting SPARK_CONF holds {', '.join(secret)}",
            remedy="put secrets into the cluster's own configuration: arguments are seen by every user of the machine",
        )
    return conf


def command(
    job: Job,
    *,
    master: str,
    properties_file: str,
    name: str,
    arguments: Sequence[str],
    conf: Mapping[str, str] | None = None,
    spark_submit: Sequence[str] = (SPARK_SUBMIT,),
) -> list[str]:
    """Return the command that submits ``job``, in the order in which Airflow's provider builds it."""
    return [
        *tethered(*spark_submit),
        "--master",
        master,
        *(word for key, value in (conf or {}).items() for word in ("--conf", f"{key}={value}")),
        "--properties-file",
        properties_file,
        "--name",
        name,
        job.script,
        *arguments,
    ]


def environment(
    job: Job, *, source_dsn: str | None, base: Mapping[str, str] | None = None, master: str = ""
) -> dict[str, str]:
    """Return the environment of the submitted process: ``base`` without what a driver has no business with.

    ``source_dsn`` is handed on only to a job that reads the source. It is never an argument: those are visible to every
    user of the machine. A ``master`` on other machines must be able to call back.
    """
    given = os.environ if base is None else base
    kept = {name: value for name, value in given.items() if not name.startswith(_WITHHELD)}
    if master and not is_near(master):
        kept.pop("SPARK_LOCAL_IP", None)
    # Spark's own search for it breaks on a path with a space, and finds another where the user has one.
    kept["SPARK_HOME"] = str(spark_home())
    kept.setdefault("PYSPARK_PYTHON", SPARK_PYTHON)
    kept.setdefault("PYSPARK_DRIVER_PYTHON", kept["PYSPARK_PYTHON"])
    if job.reads_source and source_dsn:
        kept[SOURCE_DSN] = source_dsn
    return kept
