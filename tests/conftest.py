"""What more than one suite is told."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose where jobs compute while they are killed; each suite has its own default."""
    parser.addoption("--spark-session", choices=("classic", "warm"), help="with a driver each, or on a warm session")
