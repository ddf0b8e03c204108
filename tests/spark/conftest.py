"""One Spark session for the whole run, configured as the jobs are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from smart_logistics.lake.spark_conf import job_properties
from smart_logistics.lake.store import Lake
from tests.spark.jars import installed


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    jars = installed()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers' Python; else the first on PATH
    builder = SparkSession.builder.master("local[2]").appName("tests")
    properties = job_properties(jars, tmp_path_factory.mktemp("spark"))
    # A job's JVM lives for one job; this one for hundreds of them, whose plans it keeps until Python lets go of them.
    properties["spark.driver.memory"] = "2g"
    for key, value in properties.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, str(tmp_path / "lakehouse"), "tests")
