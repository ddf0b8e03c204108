"""One real stack for the whole module of stories, taken down at the end whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.mailbox import Mailbox
from tests.e2e.monitors import LINEAGE, Listener
from tests.e2e.stack import Stack
from tests.e2e.traces import SMTP_PASSWORD, SMTP_USER


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """The mail server of the stack, which lets in who knows the password, and what came."""
    with Mailbox.open((SMTP_USER, SMTP_PASSWORD)) as box:
        yield box


@pytest.fixture(scope="session")
def statsd() -> Iterator[Listener]:
    """A StatsD server that keeps what it hears."""
    with closing(Listener()) as listener:
        yield listener


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, statsd: Listener) -> Iterator[Stack]:
    """A stack that is not up yet; its path has a space in it, its waits are short, its mails and figures are caught."""
    home = tmp_path_factory.mktemp("a home") / "of our own"
    one = Stack(
        home,
        {
            "POKE_INTERVAL_SECONDS": "5",
            "SENSOR_TIMEOUT_SECONDS": "15",
            "RETRY_DELAY_SECONDS": "5",
            "MAX_RETRY_DELAY_SECONDS": "10",
            "SETTLE_SECONDS": "1",
            "AIRFLOW_USERS": "asha:user,vera:viewer",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mailbox.port),
            "SMTP_USER": SMTP_USER,
            "SMTP_PASSWORD": SMTP_PASSWORD,
            "SMTP_FROM": "alerts@example.com",
            "SMTP_TO": "oncall@example.com",
            "STATSD": f"127.0.0.1:{statsd.port}",
            "OPENLINEAGE": f"file:{home.parent / LINEAGE}",
        },
    )
    yield one
    one.call("down")


@pytest.fixture(scope="session")
def lived_in(stack: Stack) -> Stack:
    """The stack with the sample fleet in it: as the first hours left it, and where they were not told, after a demo."""
    if not (stack.home / "lakehouse" / "gold" / "shipment_analytics").is_dir():
        stack.must("demo")
    return stack
