"""A stack of its own with a real mail sink, its waits short, for tests that kill parts of it in the middle of runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.mailbox import Mailbox
from tests.e2e.stack import Stack
from tests.kills.runs import LONGEST_SECONDS


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox.open() as box:
        yield box


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox
) -> Iterator[Stack]:
    one = Stack(
        tmp_path_factory.mktemp("kills") / "home",
        {
            "SPARK_SESSION": request.config.getoption("--spark-session") or "warm",
            "POKE_INTERVAL_SECONDS": "2",
            "SENSOR_TIMEOUT_SECONDS": "10",
            "RETRY_DELAY_SECONDS": "3",
            "MAX_RETRY_DELAY_SECONDS": "6",
            "SETTLE_SECONDS": "0",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mailbox.port),
            "SMTP_TO": "oncall@example.org",
        },
    )
    try:
        one.must("up")
        one.must("seed")
        one.run(LONGEST_SECONDS)
        yield one
    finally:
        one.call("down")
