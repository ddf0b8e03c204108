"""What the pipeline says about itself never stops it."""

from __future__ import annotations

from typing import Any

import pytest

from smart_logistics.errors import LakeUnavailable
from smart_logistics.orchestration import run_end
from smart_logistics.orchestration.api import AirflowApi, Credentials


@pytest.mark.parametrize("error", [LakeUnavailable("the disk is gone"), KeyError("end_date"), OSError("no space")])
def test_a_run_log_that_cannot_be_written_is_logged_and_raises_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> int:
        raise error

    monkeypatch.setattr(run_end, "record_all", fails)
    monkeypatch.setattr(run_end, "_follow", lambda *_: None)
    monkeypatch.setattr(run_end.access, "api", lambda: AirflowApi(Credentials("http://127.0.0.1:1", "u", "p")))
    monkeypatch.setattr(run_end.connections, "lakehouse", lambda: "/nowhere")
    run_end.heal()
    assert "the run log could not be written" in caplog.text
    assert str(error) in caplog.text
