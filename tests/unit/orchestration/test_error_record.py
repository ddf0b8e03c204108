"""What is told of a try that failed, from what real drivers have printed (see driver_outputs)."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smart_logistics.errors import LakeUnavailable, LogisticsError
from smart_logistics.orchestration import error_record
from smart_logistics.orchestration.driver_log import DriverLog
from smart_logistics.orchestration.failures import ByCause
from smart_logistics.orchestration.relevant import MOST_LINES

OUTPUTS = Path(__file__).with_name("driver_outputs")


def read(name: str) -> tuple[DriverLog, list[tuple[int, str]]]:
    log = DriverLog()
    shown = [log.read(line) for line in (OUTPUTS / f"{name}.txt").read_text("utf-8").splitlines()]
    return log, [line for line in shown if line is not None]


@pytest.mark.parametrize(
    ("name", "code", "cause"),
    [
        ("python", 1, "ValueError: odd reading 17"),
        ("udf", 30, "ValueError: odd reading 17"),
        ("java", 30, "java.io.IOException: Mkdirs failed to create file:/proc/nowhere/x/_temporary/0"),
        ("memory", 52, "java.lang.OutOfMemoryError: Java heap space"),
        ("kill", 137, "signal 9"),
    ],
)
def test_the_innermost_cause_is_in_the_reason(name: str, code: int, cause: str) -> None:
    log, _ = read(name)
    assert cause in log.failure("silver_iot", code).what


@pytest.mark.parametrize("name", ["python", "udf", "java", "memory"])
def test_no_frame_of_the_engine_is_among_the_relevant_lines(name: str) -> None:
    lines = read(name)[0].relevant.lines
    assert lines
    assert len(lines) <= MOST_LINES
    assert not [line for line in lines if line.lstrip().startswith(("at ", "... "))]
    assert not [line for line in lines if "site-packages" in line]


def test_the_frames_of_our_own_code_are() -> None:
    lines = read("python")[0].relevant.lines
    assert any("jobs/silver_iot.py" in line for line in lines)
    assert lines[-1] == "ValueError: odd reading 17"


def test_a_trace_that_every_task_of_a_stage_prints_is_shown_once() -> None:
    log, shown = read("udf")
    frames = [line for _, line in shown if line.startswith("\tat ")]
    assert 0 < len(frames) < 20
    assert any("said 4 times" in line for line in log.relevant.lines)


def test_warnings_and_errors_keep_their_levels() -> None:
    _, shown = read("java")
    by_level = {level: [line for found, line in shown if found == level] for level in {level for level, _ in shown}}
    assert any(line.startswith("FileOutputCommitter: Could not delete") for line in by_level[logging.WARNING])
    assert any(line.startswith("Caused by: java.io.IOException") for line in by_level[logging.ERROR])
    assert len(shown) < 60, "four hundred and sixty lines were printed"


@pytest.mark.parametrize("name", ["psycopg.errors.UndefinedTable: gone", "KeyboardInterrupt", "odd.Name"])
def test_the_exception_of_a_traceback_is_known_by_its_place(name: str) -> None:
    log = DriverLog()
    for line in (
        "Traceback (most recent call last):",
        '  File "/x/a.py", line 1, in <module>',
        "    go()",
        name,
        "bye",
    ):
        log.read(line)
    assert log.relevant.cause == name
    assert log.read("bye") == (logging.INFO, "bye")


def test_an_exception_without_a_message_keeps_the_frame_that_says_where() -> None:
    log = DriverLog()
    for line in (
        'Exception in thread "main" java.lang.NullPointerException',
        "\tat org.apache.spark.A.b(A.scala:1)",
        "\tat org.apache.spark.C.d(C.scala:2)",
    ):
        log.read(line)
    assert log.relevant.lines[-1] == "\tat org.apache.spark.A.b(A.scala:1)"


def test_of_much_that_is_said_the_last_is_kept() -> None:
    log = DriverLog()
    for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        log.read(f"26/11/24 15:40:00 WARN Some: {letter}")
    assert len(log.relevant.lines) == MOST_LINES
    assert log.relevant.lines[-1] == "Some: Z"


def test_what_was_committed_is_told_and_added_up() -> None:
    log = DriverLog()
    shown = [
        log.read(f'LOGISTICS_PROGRESS {{"table": "silver.{table}", "rows": {rows}}}')
        for table, rows in (("orders", 3), ("customers", 1), ("orders", 4))
    ]
    assert shown[0] == (logging.INFO, "committed 3 row(s) of silver.orders")
    assert error_record.committed(log) == "silver.customers 1, silver.orders 7"


def context(driver: DriverLog | None, **store: Any) -> Any:
    ti = SimpleNamespace(task_id="silver_iot", dag_id="smart_logistics_pipeline", run_id="r1", try_number=2)
    return {"ti": ti, "task": SimpleNamespace(driver_log=driver), "task_state_store": store.get("store", {})}


class Store(dict[str, str]):
    """What Airflow's store of a task's state does here."""

    def set(self, key: str, value: str) -> None:
        self[key] = value


def test_a_failed_try_is_recorded_once_with_cause_run_task_try_rows_and_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log, _ = read("java")
    log.read('LOGISTICS_PROGRESS {"table": "silver.orders", "rows": 3}')
    store = Store()
    error = LakeUnavailable("Spark failed: no room", remedy="make room")
    with caplog.at_level(logging.INFO):
        ByCause().evaluate(error, 2, 3, context(log, store=store))
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    text = record.getMessage()
    for wanted in (
        "silver_iot failed: Spark failed: no room → make room",
        "run: r1",
        "task: smart_logistics_pipeline.silver_iot, try 2 of 4",
        "error: LakeUnavailable, see docs/troubleshooting.md#a-lakehouse-or-cluster-that-does-not-answer",
        "rows committed by this try: silver.orders 3",
        "  Caused by: java.io.IOException: Mkdirs failed",
    ):
        assert wanted in text
    assert "\tat " not in text
    assert store["error_of_try_2"] == "Spark failed: no room → make room"


def test_a_task_without_a_driver_has_a_record_too(caplog: pytest.LogCaptureFixture) -> None:
    ByCause().evaluate(LogisticsError("odd"), 1, 3, context(None, store=Store()))
    assert "silver_iot failed: odd" in caplog.text
    assert "rows committed" not in caplog.text
    assert "relevant lines" not in caplog.text
