"""A home with a lakehouse, and what is mailed from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import Connection

from smart_logistics.orchestration import alerts, connections
from smart_logistics.orchestration.mail import Message


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The root of the tables, of which none is there, in a home of its own."""
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    monkeypatch.setattr(connections, "lakehouse", lambda: str(tmp_path / "lakehouse"))
    return str(tmp_path / "lakehouse")


@pytest.fixture
def sent(lakehouse: str, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What a mail server would have been given."""
    box: list[Message] = []
    monkeypatch.setattr(connections, "optional", lambda _: Connection(conn_id="logistics_smtp", conn_type="smtp"))
    monkeypatch.setattr(alerts, "send", lambda message, *_: box.append(message))
    return box
