"""What a job says of Spark's errors."""

from __future__ import annotations

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
