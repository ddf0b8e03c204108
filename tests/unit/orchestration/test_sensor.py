"""The sensor waits without a slot, sees what the job would take and nothing else, and calls no error a quiet hour."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from smart_logistics.errors import ConfigurationError, SourceUnavailable
from smart_logistics.orchestration import connections
from smart_logistics.orchestration.sensor import LandingSensor, LandingTrigger, has_work

SETTLE = 10
NAME = "iot_telemetry_20260101_000000_1.json"


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    monkeypatch.setattr(connections, "landing", lambda: folder)
    monkeypatch.setattr(connections, "setting", lambda _: SETTLE)
    return folder


def put(path: Path, age: float = 60.0) -> None:
    path.write_text("{}\n")
    os.utime(path, (time.time() - age,) * 2)


def sensor() -> LandingSensor:
    return LandingSensor(task_id="wait_for_iot_files", poke_interval=60, timeout=300)


def event_of(landing: Path, give_up_in: float, meanwhile: Callable[[], None] | None = None) -> dict[str, Any]:
    """Return the trigger's one event; ``meanwhile`` happens while it waits."""
    trigger = LandingTrigger(str(landing), SETTLE, 0.05, time.time() + give_up_in)

    async def watch() -> list[Any]:
        if meanwhile is not None:
            asyncio.get_running_loop().call_later(0.15, meanwhile)
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(asyncio.wait_for(watch(), 10))
    found: dict[str, Any] = payload
    return found


def link(path: Path) -> None:
    put(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def now(path: Path) -> None:
    put(path, age=0)


@pytest.mark.parametrize(
    ("name", "make", "seen"),
    [
        (NAME, put, True),
        (NAME + ".gz", put, True),
        (NAME, now, False),
        (NAME, Path.mkdir, False),
        (NAME, link, False),
        (f".{NAME}", put, False),
        (f"{NAME}.tmp", put, False),
        (f"{NAME}.part", put, False),
        ("readme.txt", put, False),
    ],
)
def test_it_sees_what_the_job_would_take(landing: Path, name: str, make: Callable[[Path], None], seen: bool) -> None:
    make(landing / name)
    assert has_work(landing, SETTLE) is seen


def test_a_batch_that_a_crash_left_is_work(landing: Path) -> None:
    (landing.parent / "processing" / "123").mkdir(parents=True)
    assert has_work(landing, SETTLE)


def test_with_a_file_there_it_ends_at_once_and_else_hands_over_to_the_triggerer(landing: Path) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute({})
    trigger = deferred.value.trigger
    assert isinstance(trigger, LandingTrigger)
    assert trigger.give_up_at == pytest.approx(time.time() + 300, abs=5)
    assert deferred.value.timeout is not None
    # The trigger's own end comes first: Airflow's limit would be an error.
    assert deferred.value.timeout > timedelta(seconds=300)
    path, arguments = trigger.serialize()
    assert path == "smart_logistics.orchestration.sensor.LandingTrigger"
    assert LandingTrigger(**arguments).serialize() == (path, arguments)
    put(landing / NAME)
    assert sensor().execute({}) is None  # type: ignore[func-returns-value]


def test_a_file_that_comes_ends_the_wait(landing: Path) -> None:
    assert event_of(landing, 8, lambda: put(landing / NAME)) == {"found": True}


def test_a_restart_of_the_triggerer_does_not_prolong_the_wait(landing: Path) -> None:
    began = time.monotonic()
    assert event_of(landing, -100) == {"found": False}
    assert time.monotonic() - began < 2


def test_a_folder_that_goes_while_it_waits_is_an_error_and_no_quiet_hour(landing: Path) -> None:
    event = event_of(landing, 8, landing.rmdir)
    with pytest.raises(SourceUnavailable, match="landing"):
        sensor().on_event({}, event)


def test_only_a_true_timeout_is_a_quiet_hour(landing: Path) -> None:
    with pytest.raises(AirflowSkipException, match="quiet hour"):
        sensor().on_event({}, event_of(landing, 0.2))
    sensor().on_event({}, {"found": True})


def test_a_missing_folder_or_connection_is_an_error_at_once(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.rmdir()
    with pytest.raises(SourceUnavailable):
        sensor().execute({})

    def missing() -> Path:
        raise ConfigurationError("the Airflow connection logistics_landing is missing")

    monkeypatch.setattr(connections, "landing", missing)
    with pytest.raises(ConfigurationError):
        sensor().execute({})
