"""The one builder of Spark sessions. Settings come from the properties file of spark-submit, see ``spark_conf``."""

from __future__ import annotations

from pyspark.sql import SparkSession


def open_session(name: str) -> SparkSession:
    """Return the session of this process: on the cluster that spark-submit names, or on ``SPARK_REMOTE``."""
    return SparkSession.builder.appName(name).getOrCreate()
