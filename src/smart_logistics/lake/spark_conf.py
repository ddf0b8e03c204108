"""The one place for Spark configuration. Standard library only: the stack writes it to a file, tests to a session."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

# Resolved once at install with these and nothing they drag in: Spark has the rest itself, in newer versions.
COORDINATES = (
    "io.delta:delta-spark_4.2_2.13:4.4.0",
    "io.delta:delta-storage:4.4.0",
    "org.postgresql:postgresql:42.7.8",
)

# C1 and the serial collector start fast and stay small: right for hourly batches. For a backfill of days C2 pays.
# C1 alone reserves 48 MB for code, which a job of ours fills in half a minute; the JVM then stops compiling for good.
_STARTS_FAST = "-XX:TieredStopAtLevel=1"
_SMALL_JVM = "-XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC -Duser.timezone=UTC -Djava.net.preferIPv4Stack=true"
_COMPILERS = ("spark.driver.defaultJavaOptions", "spark.executor.defaultJavaOptions")
# In the place of what the properties say, for a job that is known to have minutes of work.
FOR_MANY_ROWS = dict.fromkeys(_COMPILERS, "-XX:TieredStopAtLevel=4")

# A driver that nobody on another machine may reach.
ON_THIS_MACHINE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def job_properties(
    jars: Path, scratch: Path, *, java_options: Sequence[str] = (), near: bool = True, stays: bool = False
) -> dict[str, str]:
    """Return what every session of ours is configured with.

    Args:
        jars: folder of the jars of COORDINATES, the same path on the driver and every executor.
        scratch: folder for shuffle files and the warehouse that nobody uses.
        java_options: further options for driver and executor, such as a class-data archive.
        near: driver and executors run on this machine; else that follows from the master, see ``jobs.submit``.
        stays: it lives for days, so that compiling its code well pays.
    """
    class_path = str(jars / "*")
    options = " ".join([_SMALL_JVM, *map(_as_word, java_options)])
    return {
        # Spark puts these first. They are apart, so that a job can be given others alone.
        **({} if stays else dict.fromkeys(_COMPILERS, _STARTS_FAST)),
        "spark.driver.extraClassPath": class_path,
        "spark.executor.extraClassPath": class_path,
        "spark.driver.extraJavaOptions": options,
        "spark.executor.extraJavaOptions": options,
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        **(ON_THIS_MACHINE if near else {}),
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        # What is written to a stream of objects stays in memory until its next reset; by default that is a hundred
        # batches of a kept frame, of four megabytes and more each.
        "spark.serializer.objectStreamReset": "1",
        # Frames are kept for minutes: finding out how to compress each column takes longer than it saves.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        # Parquet first looks at how much it holds after a hundred rows: where each has megabytes, that is too late.
        "spark.hadoop.parquet.page.size.row.check.min": "1",
        "spark.hadoop.parquet.block.size.row.check.min": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Each hash table takes a page at least: of a sixty-fourth of the heap, for the hundred rows of a broadcast.
        "spark.buffer.pageSize": "2m",
        # Kept for a page that nobody looks at: of a thousand queries, all their metrics.
        "spark.sql.ui.retainedExecutions": "10",
        "spark.ui.retainedJobs": "10",
        "spark.ui.retainedStages": "10",
        # A pipeline's data is small per batch; two hundred partitions would be two hundred empty tasks.
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.files.openCostInBytes": "65536",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        # The default is nanoseconds in 96 bits, which other readers cannot hold before 1677 and after 2262.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",
        # The kernel path needs jars that Spark does not bring; the classic one is complete.
        "spark.databricks.delta.v2.enableMode": "NONE",
    }


def _as_word(option: str) -> str:
    """Return an option as Spark finds it again where it splits a text of several."""
    if shlex.quote(option) == option:
        return option
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def cluster_properties(master: str, *, python: str, cores: int) -> dict[str, str]:
    """Return what ties a job to a cluster.

    Args:
        master: URL of the master, which a submit may override.
        python: Python of the driver and of every executor.
        cores: what one application may take. A standalone worker gives all it has to the first application unless told
            otherwise, and the second Bronze job would wait for the first.
    """
    return {
        "spark.master": master,
        "spark.cores.max": str(cores),
        "spark.pyspark.python": python,
        "spark.pyspark.driver.python": python,
    }


def session_properties(port: int, token: str) -> dict[str, str]:
    """Return what makes a driver the warm session that serves Spark Connect on ``port`` to who shows ``token``."""
    return {
        **ON_THIS_MACHINE,
        "spark.app.name": "logistics.warm-session",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.connect.authenticate.token": token,
        # Two jobs that run at once share it.
        "spark.scheduler.mode": "FAIR",
        # A dead client's session is ended within seconds, see jobs.warm_session; these are for what that overlooks.
        "spark.connect.execute.manager.detachedTimeout": "1m",
        "spark.connect.session.manager.defaultSessionTimeout": "15m",
        # Kept for a page that nobody looks at.
        "spark.connect.session.manager.closedSessionsTombstonesSize": "10",
        "spark.connect.execute.manager.abandonedTombstonesSize": "10",
        "spark.sql.connect.ui.retainedSessions": "10",
        "spark.sql.connect.ui.retainedStatements": "10",
    }


def render(properties: Mapping[str, str]) -> str:
    """Return ``properties`` as the text of a ``--properties-file``; backslashes and leading white space are escaped."""
    lines = (f"{key} {value.replace(chr(92), chr(92) * 2)}" for key, value in sorted(properties.items()))
    return "\n".join(lines) + "\n"
