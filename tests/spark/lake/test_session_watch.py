"""A job on the warm session notices that the server is silent, and does not take its own goodbye for that."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from smart_logistics.errors import SessionUnusable
from smart_logistics.lake import session


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes with which the process would have ended."""
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        session._closing.set()

    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost:1")
    monkeypatch.setattr(session, "_closing", threading.Event())
    monkeypatch.setattr(session, "_ASK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(os, "_exit", leave)
    return codes


def watched(ask: Any) -> tuple[threading.Thread, Any]:
    shared = SimpleNamespace(conf=SimpleNamespace(get=ask), stop=lambda: None)
    thread = threading.Thread(target=session._watch, args=(shared,))
    thread.start()
    return thread, shared


def test_a_server_that_is_gone_ends_the_process(exits: list[int]) -> None:
    def gone(_: str) -> None:
        raise ConnectionError("nobody is there")

    watched(gone)[0].join(10)
    assert exits == [SessionUnusable.exit_code]


def test_a_server_that_does_not_answer_ends_the_process(exits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_ANSWER_SECONDS", 0.1)
    silence = threading.Event()
    watched(lambda _: silence.wait(30))[0].join(10)
    silence.set()
    assert exits == [SessionUnusable.exit_code]


def test_a_question_that_the_end_of_the_job_cuts_off_is_no_failure(exits: list[int]) -> None:
    asked, over = threading.Event(), threading.Event()

    def cut_off(_: str) -> None:
        asked.set()
        over.wait(10)
        raise ConnectionError("Channel closed!")

    thread, shared = watched(cut_off)
    assert asked.wait(10)
    session.close_session(shared)
    over.set()
    thread.join(10)
    assert not thread.is_alive()
    assert exits == []
