"""Waiting for files: what ends the wait is a file, the end of the time, or a folder that cannot be looked into."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration.sensor import LandingSensor, LandingTrigger

TIMEOUT = 0.4


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def event_of(landing: Path) -> dict[str, Any]:
    """Let the trigger wait, as the triggerer does, made anew from what it says of itself."""
    told = LandingTrigger(
        landing=str(landing), settle_seconds=0, poke_interval=0.1, give_up_at=time.time() + TIMEOUT
    ).serialize()[1]

    async def first() -> Any:
        return (await anext(aiter(LandingTrigger(**told).run()))).payload

    event: dict[str, Any] = asyncio.run(first())
    return event


def end(event: dict[str, Any]) -> None:
    LandingSensor(task_id="wait_for_iot_files", poke_interval=1, timeout=300).on_event({}, event)


def test_an_hour_without_files_is_skipped_as_a_quiet_one(landing: Path) -> None:
    began = time.time()
    event = event_of(landing)
    assert TIMEOUT <= time.time() - began < 30
    with pytest.raises(AirflowSkipException, match="quiet hour: no telemetry file within 300 s"):
        end(event)


def test_a_file_ends_the_wait_and_a_batch_that_was_left_behind_does(landing: Path) -> None:
    (landing / "iot_telemetry_20260101_000000_1.json").write_text("{}")
    end(event_of(landing))
    (landing / "iot_telemetry_20260101_000000_1.json").unlink()
    (landing.parent / "processing" / "5").mkdir(parents=True)
    end(event_of(landing))


def test_a_landing_folder_that_is_missing_is_an_error_and_no_quiet_hour(landing: Path) -> None:
    landing.rmdir()
    with pytest.raises(SourceUnavailable, match="cannot list the landing folder"):
        end(event_of(landing))


def test_a_folder_of_batches_that_is_none_is_an_error_and_no_quiet_hour(landing: Path) -> None:
    (landing.parent / "processing").write_text("a file")
    with pytest.raises(SourceUnavailable, match="the folders of telemetry files cannot be read"):
        end(event_of(landing))
