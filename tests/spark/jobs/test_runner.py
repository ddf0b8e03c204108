"""What a job says of the errors of Spark and Delta, and whether a retry can mend them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import SparkSession

from smart_logistics.errors import LakeDamaged, LakeUnavailable, SessionUnusable
from smart_logistics.jobs import runner
from smart_logistics.jobs.runner import why

STOPPED = """An error occurred while calling None.org.apache.spark.sql.classic.SparkSession.
: java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.
This stopped SparkContext was created at:
\tat java.base/java.lang.Thread.run(Thread.java:840)"""

NESTED = """An error occurred while calling o1.save.
: org.apache.spark.SparkException: Job aborted.
\tat org.apache.spark.Some.thing(Some.scala:1)
Caused by: java.io.IOException: wrapped
\t... 12 more
Caused by: java.io.IOException: No space left on device
\tat java.base/java.lang.Thread.run(Thread.java:840)"""


def test_without_a_cause_the_exception_is_told_and_not_a_frame() -> None:
    assert why(STOPPED) == "java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext."


def test_the_innermost_cause_is_told() -> None:
    assert why(NESTED) == "Caused by: java.io.IOException: No space left on device"


def test_an_error_without_a_message_is_told_as_that() -> None:
    assert why(" \n") == "no message"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AnalysisException("[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column cannot be resolved."), LakeDamaged),
        (AnalysisException("[DELTA_FAILED_TO_MERGE_FIELDS] Failed to merge fields."), LakeDamaged),
        (ParseException("[PARSE_SYNTAX_ERROR] Syntax error at or near 'x'."), LakeDamaged),
        (AnalysisException("[PATH_NOT_FOUND] Path does not exist: file:/l."), LakeUnavailable),
        (AnalysisException("[DELTA_TABLE_NOT_FOUND] Delta table `t` doesn't exist."), LakeUnavailable),
        (PySparkException("Job aborted due to stage failure"), LakeUnavailable),
        (Py4JError("gone"), LakeUnavailable),
        (Py4JNetworkError("gone"), LakeUnavailable),
        (CommitFailedError("a conflict"), LakeUnavailable),
        (TableNotFoundError("no log"), LakeUnavailable),
    ],
    ids=lambda value: f"{type(value).__name__} {value}"[:40] if isinstance(value, Exception) else "",
)
def test_what_a_retry_cannot_mend_is_not_tried_again(error: Exception, expected: type[Exception]) -> None:
    told = runner._of_engine(error)
    assert type(told) is expected
    assert told.transient is (expected is LakeUnavailable)
    assert str(error) in told.what or isinstance(error, Py4JNetworkError)


def test_a_warm_session_that_does_not_understand_a_query_is_not_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "is_shared", lambda: True)
    assert type(runner._of_engine(AnalysisException("[UNRESOLVED_COLUMN] a"))) is SessionUnusable


def test_a_small_write_with_another_schema_is_not_tried_again(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"a": [1]}))
    with pytest.raises(DeltaError) as caught:
        write_deltalake(tmp_path / "t", pa.table({"b": ["x"]}), mode="append")
    assert type(runner._of_engine(caught.value)) is LakeDamaged


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda spark, _: spark.sql("SELEC 1"), LakeDamaged),
        (lambda spark, _: spark.range(1).select("nope"), LakeDamaged),
        (
            lambda spark, path: spark.range(1).selectExpr("'x' AS b").write.format("delta").mode("append").save(path),
            LakeDamaged,
        ),
        (lambda spark, path: spark.read.parquet(path + "-away"), LakeUnavailable),
        (lambda spark, path: spark.read.format("delta").load(path + "-away"), LakeUnavailable),
        (lambda spark, path: spark.sql(f"UPDATE delta.`{path}-away` SET a = 1"), LakeUnavailable),
    ],
    ids=["syntax", "column", "schema", "parquet away", "table away", "table to change away"],
)
def test_as_spark_itself_says_it(
    spark: SparkSession, tmp_path: Path, act: Callable[[SparkSession, str], Any], expected: type[Exception]
) -> None:
    path = str(tmp_path / "t")
    write_deltalake(path, pa.table({"a": [1]}))
    with pytest.raises(PySparkException) as caught:
        act(spark, path)
    assert type(runner._of_engine(caught.value)) is expected
