"""A table is made where there is none: once, and again where it is gone, also for a process that had seen it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.lake import tables


def made(root: Path) -> int:
    tables.ensure(str(root), IOT_TELEMETRY)
    return DeltaTable(tables.uri(str(root), IOT_TELEMETRY)).version()


def test_in_a_lakehouse_that_was_removed_it_is_made_again(tmp_path: Path) -> None:
    root = tmp_path / "lakehouse"
    first = made(root)
    shutil.rmtree(root)
    assert made(root) == first


def test_what_was_seen_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[str] = []
    create: Callable[..., Any] = DeltaTable.create

    def noted(place: str, **rest: Any) -> Any:
        created.append(place)
        return create(place, **rest)

    monkeypatch.setattr(DeltaTable, "create", noted)
    for _ in range(3):
        made(tmp_path)
    assert created == [tables.uri(str(tmp_path), IOT_TELEMETRY)]
