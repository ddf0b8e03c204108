"""A job says after each commit what it wrote, in the form in which Airflow reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from smart_logistics.contracts.bronze import SOURCE_DELETES
from smart_logistics.jobs.marks import PROGRESS
from smart_logistics.jobs.told import ToldLake


def test_an_append_is_told_and_no_rows_are_not(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = ToldLake(spark, str(tmp_path / "lakehouse"), "tests")
    empty = lake.nothing(SOURCE_DELETES)
    now = datetime(2026, 11, 25, tzinfo=UTC)
    values = {"source_table": "orders", "source_key": "1", "_ingested_at": now, "_run_id": "r"}
    values |= {"_ingestion_date": now.date()}
    rows = spark.createDataFrame([tuple(values[name] for name in empty.columns)], empty.schema)
    assert lake.append(SOURCE_DELETES, empty, 1, skip_empty=True) == 0
    assert lake.append(SOURCE_DELETES, rows, 2) == 1
    marks = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines() if line.startswith(PROGRESS)]
    assert [json.loads(mark) for mark in marks] == [{"table": "bronze.source_deletes", "rows": 1}]
