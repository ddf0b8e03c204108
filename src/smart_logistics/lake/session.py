"""The one builder of Spark sessions. Settings come from the properties file of spark-submit, see ``spark_conf``."""

from __future__ import annotations

import os

from pyspark.sql import SparkSession


def open_session(name: str) -> SparkSession:
    """Return the session of this process: on the cluster that spark-submit names, or on ``SPARK_REMOTE``.

    ``name`` is for a process that was started otherwise. The one that spark-submit was given says which run, task and
    try it is; the builder's would take its place in Spark's pages.
    """
    builder = SparkSession.builder
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.appName(name)
    return builder.getOrCreate()
