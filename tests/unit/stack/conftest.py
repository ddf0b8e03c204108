from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.settings import Settings
from smart_logistics.stack.home import Home


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a space in its path, short enough for a socket."""
    for name in ("SOURCE_DSN", "SPARK_MASTER", "JAVA_HOME", "LANDING", "LAKEHOUSE"):
        monkeypatch.delenv(f"LOGISTICS_{name}", raising=False)
    with tempfile.TemporaryDirectory(prefix="a home ") as name:
        yield Path(name).resolve() / "home"


@pytest.fixture
def given(root: Path) -> Settings:
    return settings.load({"LOGISTICS_HOME": str(root)})


@pytest.fixture
def home(given: Settings) -> Home:
    made = Home.of(given)
    made.create()
    return made
