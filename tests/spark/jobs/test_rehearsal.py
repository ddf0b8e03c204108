"""The rehearsal for the class-data archive does what jobs do, and what is archived is really what a driver maps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from smart_logistics.jobs import submit
from smart_logistics.jobs.rehearsal import rehearse
from smart_logistics.lake.spark_conf import job_properties, render
from smart_logistics.stack import class_archive
from tests.spark.jars import installed

_DRIVER = """
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
maps = open(f"/proc/{spark._jvm.ProcessHandle.current().pid()}/maps").readlines()
found = [int(line.split("-")[0], 16) for line in maps if sys.argv[1] in line]
# Above all heaps Java has its place for classes; what it moves for chance's sake goes where the kernel says, far up.
moved = [place for place in found if place >= 2**40]
sys.exit(9 if not found else 8 if moved else 0)
"""


def test_the_jobs_run_on_what_it_gives_them_and_spark_itself_commits(spark: SparkSession, tmp_path: Path) -> None:
    rehearse(spark, tmp_path)
    lakehouse = tmp_path / "lakehouse"
    assert DeltaTable(lakehouse / "silver" / "iot_telemetry").to_pyarrow_table().num_rows == 6
    assert DeltaTable(lakehouse / "bronze" / "rejected_records").to_pyarrow_table().num_rows == 1
    assert DeltaTable(tmp_path / "rows").version() == 1


def _submitted(properties: Path, *words: str) -> int:
    command = [submit.SPARK_SUBMIT, "--properties-file", str(properties), *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=300).returncode


def test_a_driver_maps_the_archive_and_one_that_is_not_there_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the stack's programs have it.
    monkeypatch.setenv("SPARK_HOME", str(submit.spark_home()))
    monkeypatch.setenv("PYSPARK_PYTHON", submit.SPARK_PYTHON)
    monkeypatch.setenv("PYSPARK_DRIVER_PYTHON", submit.SPARK_PYTHON)
    jars = installed()
    scratch = tmp_path / "a scratch"
    scratch.mkdir()
    archive, properties, driver = scratch / "classes.jsa", tmp_path / "properties", tmp_path / "driver.py"
    driver.write_text(_DRIVER)
    rehearsal = tmp_path / "rehearsal"
    for file, option in ((properties, class_archive.used(archive)), (rehearsal, class_archive.made(archive))):
        file.write_text(render(job_properties(jars, scratch, java_options=option) | {"spark.master": "local[1]"}))
    assert _submitted(properties, str(driver), archive.name) == 9
    assert class_archive.make(archive, rehearsal, scratch) == 0
    assert _submitted(properties, str(driver), archive.name) == 0
