"""One real stack for the whole module of stories, taken down at the end whatever happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is not up yet; its path has a space in it, its waits are short."""
    home = tmp_path_factory.mktemp("a home") / "of our own"
    one = Stack(
        home,
        {
            "POKE_INTERVAL_SECONDS": "5",
            "SENSOR_TIMEOUT_SECONDS": "15",
            "RETRY_DELAY_SECONDS": "5",
            "MAX_RETRY_DELAY_SECONDS": "10",
            "SETTLE_SECONDS": "1",
        },
    )
    yield one
    one.call("down")
