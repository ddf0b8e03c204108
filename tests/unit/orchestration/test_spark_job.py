"""A driver has so much time and no more: a real process in the place of spark-submit is ended when it is over."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from smart_logistics.jobs import catalog, submit
from smart_logistics.orchestration.driver_hook import DriverHook
from smart_logistics.orchestration.driver_log import JobCrashed

SECONDS = 1


def hook(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> DriverHook:
    """Return the hook of a job whose driver is a script of the shell."""
    binary = folder / "spark-submit"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o700)
    given = {"conn_type": "spark", "host": "local[1]"}
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_SPARK", json.dumps(given))
    made = DriverHook(
        catalog.SILVER_IOT, conn_id="logistics_spark", name="n", spark_binary=str(binary), properties_file="/p"
    )
    made.environment = submit.environment(catalog.SILVER_IOT, source_dsn=None)
    made.minutes = SECONDS / 60  # type: ignore[assignment]
    return made


def test_a_driver_that_takes_too_long_is_ended_and_named_with_the_variable_that_allows_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    made = hook(tmp_path, monkeypatch, f"echo $$ > '{pid}'; exec sleep 100")
    began = time.monotonic()
    with pytest.raises(JobCrashed, match=r"the driver of silver_iot took longer than .* min and was ended") as caught:
        made.submit(catalog.SILVER_IOT.script)
    assert SECONDS <= time.monotonic() - began < 30
    assert "logistics_job_timeout_minutes" in caught.value.remedy
    assert caught.value.transient
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_driver_that_fails_in_time_is_not_said_to_have_taken_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(JobCrashed, match="without giving a reason"):
        hook(tmp_path, monkeypatch, "exit 1").submit(catalog.SILVER_IOT.script)
