"""What a driver prints becomes levels, a result, or one of our errors."""

from __future__ import annotations

import json
import logging

import pytest

from smart_logistics.errors import LakeUnavailable, LogisticsError, QualityGateFailed, SourceUnavailable
from smart_logistics.orchestration.driver_log import DriverLog, JobCrashed


def fed(*lines: str) -> DriverLog:
    log = DriverLog()
    for line in lines:
        log.read(line + "\n")
    return log


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("2026-11-24T15:40:00.123Z WARN TaskSetManager: lost", logging.WARNING, "TaskSetManager: lost"),
        ("26/11/24 15:40:00 ERROR Executor: gone", logging.ERROR, "Executor: gone"),
        ("26/11/24 15:40:00 INFO Master: hello", logging.INFO, "Master: hello"),
        ("just a line", logging.INFO, "just a line"),
        ("100 % {braces} %s", logging.INFO, "100 % {braces} %s"),
    ],
)
def test_a_line_has_the_level_that_it_says(line: str, level: int, text: str) -> None:
    assert DriverLog().read(line) == (level, text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[Stage 0:>                                                          (0 + 2) / 2]",
        "WARNING: Using incubator modules: jdk.incubator.vector",
        'Setting default log level to "WARN".',
        "Picked up JAVA_TOOL_OPTIONS: -Xmx1g",
    ],
)
def test_noise_is_dropped(line: str) -> None:
    assert DriverLog().read(line) is None


def test_a_stack_trace_keeps_the_level_of_its_error() -> None:
    log = DriverLog()
    log.read("26/11/24 15:40:00 ERROR Executor: gone")
    assert log.read("\tat org.apache.Foo.bar(Foo.scala:1)") == (logging.ERROR, "\tat org.apache.Foo.bar(Foo.scala:1)")
    assert log.read("a new subject") == (logging.INFO, "a new subject")


def test_an_error_of_the_jvm_is_an_error_to_its_last_frame() -> None:
    log = DriverLog()
    lines = (
        "An error occurred while calling o12.save.",
        ": java.lang.IllegalStateException: no",
        "java.base/java.lang.Thread.run(Thread.java:840)",
    )
    assert [log.read(line) for line in lines] == [(logging.ERROR, line) for line in lines]


def test_the_counts_of_the_job_are_its_result_and_no_log_line() -> None:
    log = DriverLog()
    assert log.read('LOGISTICS_RESULT {"rows": 3, "rejected": 1}') is None
    assert log.result == {"rows": 3, "rejected": 1}


def test_a_result_with_many_long_names_is_read_whole() -> None:
    names = ["iot_telemetry_" + "\u2028" * 78 + ".json"] * 20
    assert fed("LOGISTICS_RESULT " + json.dumps({"failed_files": names})).result == {"failed_files": names}


def test_a_mark_that_is_not_json_is_shown_and_not_believed() -> None:
    log = DriverLog()
    shown = log.read("LOGISTICS_RESULT {rows")
    assert shown is not None
    assert shown[0] == logging.ERROR
    assert log.result is None


def test_the_error_that_the_job_names_is_raised_with_its_remedy() -> None:
    log = fed('LOGISTICS_ERROR {"type": "QualityGateFailed", "what": "3 keys twice", "remedy": "look"}')
    error = log.failure("data_quality_check", 40)
    assert type(error) is QualityGateFailed
    assert (error.what, error.remedy, error.transient) == ("3 keys twice", "look", False)


def test_an_exit_code_of_the_family_is_enough() -> None:
    assert type(fed().failure("gold_aggregate", 30)) is LakeUnavailable
    assert type(fed("LOGISTICS_ERROR nonsense").failure("bronze_ingest_sql", 20)) is SourceUnavailable


@pytest.mark.parametrize("code", [1, 2, 137, 143])
def test_a_driver_that_ends_without_a_reason_may_be_tried_again(code: int) -> None:
    log = fed("Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "ValueError: odd")
    error = log.failure("silver_iot", code)
    assert type(error) is JobCrashed
    assert isinstance(error, LogisticsError)
    assert error.transient
    assert "ValueError: odd" in error.what


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (-9, "was ended by signal 9 (SIGKILL)"),
        (137, "was ended by signal 9 (SIGKILL)"),
        (-15, "was ended by signal 15 (SIGTERM)"),
        (143, "was ended by signal 15 (SIGTERM)"),
        (1, "ended with code 1"),
        (128, "ended with code 128"),
        (255, "ended with code 255"),
    ],
)
def test_a_driver_that_was_killed_says_by_which_signal(code: int, how: str) -> None:
    error = fed().failure("silver_iot", code)
    assert type(error) is JobCrashed
    assert error.what == f"the driver of silver_iot {how} without giving a reason"
