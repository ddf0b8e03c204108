"""A job of the product, submitted as the product submits it, on ``local[2]`` and in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.watch import watching
from smart_logistics import settings
from smart_logistics.jobs import marks, submit
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT, Job
from smart_logistics.lake import spark_conf
from smart_logistics.stack import class_archive, java
from smart_logistics.stack.home import Home
from smart_logistics.stack.spark import LOG4J2_TEMPLATE, log_levels

MASTER = "local[2]"
LAKEHOUSE, LANDING = "lakehouse", "landing"
_LOGGING = log_levels(LOG4J2_TEMPLATE)


@dataclass(frozen=True)
class Done:
    """What a job told, how many seconds it took from the submit to its end, and its greatest memory (PSS) in bytes."""

    told: Mapping[str, Any]
    seconds: float
    peak_bytes: int


def run(
    job: Job,
    folder: Path,
    *,
    memory: str = "",
    archive: Path | None = None,
    source_dsn: str | None = None,
    many_rows: bool = False,
    **values: str,
) -> Done:
    """Submit a job over ``folder/lakehouse`` and ``folder/landing`` and wait for its end.

    Args:
        job: which.
        folder: where its data lies, and its scratch files and log.
        memory: of the driver, where another than the product's is meant: on ``local`` it is the executor, too.
        archive: see ``archived``.
        source_dsn: for the jobs that read the source.
        many_rows: as it is submitted where the warm session has said that rows are too many for it.
        values: settings of the job that differ from their defaults.

    Raises:
        RuntimeError: it failed; with the end of its log.
    """
    (folder / LANDING).mkdir(exist_ok=True)
    arguments = job.arguments(
        run_id="benchmark",
        lakehouse=str(folder / LAKEHOUSE),
        landing=str(folder / LANDING),
        setting=lambda name: values.get(name) or settings.BY_NAME[name].default or "",
    )
    command = submit.command(
        job,
        master=MASTER,
        properties_file=str(_properties(folder, memory, class_archive.used(archive) if archive else [])),
        name=job.name,
        arguments=arguments,
        conf=submit.of_size(job, many_rows=many_rows) | submit.spark_conf(settings.load()["SPARK_CONF"], job),
    )
    log, began = folder / f"{job.name}.log", time.monotonic()
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment(job, source_dsn), stdout=output, stderr=subprocess.STDOUT) as driver,
        watching([driver.pid], ()) as seen,
    ):
        code = driver.wait()
        seconds = time.monotonic() - began
    text = log.read_text(errors="replace")
    told = [line for line in text.splitlines() if line.startswith(marks.RESULT)]
    if code or not told:
        raise RuntimeError(f"{job.name} ended with {code}:\n{text[-4000:]}")
    return Done(json.loads(told[-1].removeprefix(marks.RESULT)), seconds, seen.peak_bytes)


def archived(folder: Path) -> Path | None:
    """Make the class-data archive of the jobs' drivers in ``folder``, as `up` does; None where this Java has none.

    Raises:
        RuntimeError: it could not be made.
    """
    loaded = settings.load()
    home = Home.of(loaded)
    if class_archive.place(home, java.find(loaded, home)) is None:
        return None
    archive = folder / "classes.jsa"
    words = [str(archive), str(_properties(folder, "", class_archive.made(archive))), str(folder / "scratch")]
    command = [sys.executable, "-m", class_archive.__name__, *words]
    given = environment(BRONZE_INGEST_IOT, None)
    # What the JVM has to say of classes that it leaves out concerns nobody.
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"no class-data archive could be made:\n{done.stdout[-4000:]}")
    return archive


def run_script(script: Path, words: list[str], folder: Path, *, memory: str) -> float:
    """Submit any script with Delta's jars and nothing else that is set but memory and log levels; return the seconds.

    Raises:
        RuntimeError: it failed; with the end of its log.
    """
    conf = {
        "spark.driver.extraClassPath": str(jars() / "*"),
        "spark.driver.memory": memory,
        "spark.driver.extraJavaOptions": _LOGGING,
        "spark.local.dir": str(folder / "scratch"),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        # Delta's other way of opening tables needs jars that the product does not have.
        "spark.databricks.delta.v2.enableMode": "NONE",
    }
    file, log = folder / "script.conf", folder / f"{script.stem}.log"
    file.write_text(spark_conf.render(conf))
    command = [submit.SPARK_SUBMIT, "--master", MASTER, "--properties-file", str(file), str(script), *words]
    began = time.monotonic()
    with log.open("wb") as output:
        code = subprocess.run(
            command, env=environment(BRONZE_INGEST_IOT, None), stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise RuntimeError(f"{script.name} ended with {code}:\n{log.read_text(errors='replace')[-4000:]}")
    return time.monotonic() - began


def environment(job: Job, source_dsn: str | None) -> dict[str, str]:
    """Return what the submitted process gets; its Java is the one that the stack would take."""
    loaded = settings.load()
    kept = submit.environment(job, source_dsn=source_dsn)
    return kept | {"JAVA_HOME": str(java.find(loaded, Home.of(loaded)).home), "SPARK_LOCAL_IP": "127.0.0.1"}


def jars() -> Path:
    """Return the folder of the jars that ``make install`` resolved."""
    return Path(os.environ.get("LOGISTICS_TEST_JARS") or settings.load().home / "jars")


def _properties(folder: Path, memory: str, java_options: list[str]) -> Path:
    python = str(Path(submit.SPARK_SUBMIT).with_name("python"))
    conf = spark_conf.job_properties(jars(), folder / "scratch", java_options=[_LOGGING, *java_options])
    conf |= spark_conf.cluster_properties(MASTER, python=python, cores=2)
    if memory:
        conf["spark.driver.memory"] = memory
    file = folder / "spark.conf"
    file.write_text(spark_conf.render(conf))
    return file
