"""A mail server of the tests' own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message as Mail
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler


class Mailbox(Handler):
    """What came, in order."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.mails: list[Mail] = []

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Mailbox]:
        """Serve until the end of the block."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        box = cls(port)
        server = Controller(box, hostname="127.0.0.1", port=port)
        server.start()
        try:
            yield box
        finally:
            server.stop()

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)

    def subjects(self) -> list[str]:
        return [" ".join(str(mail["Subject"]).split()) for mail in self.mails]

    def wait_for(self, wanted: Callable[[str], bool], seconds: float = 60) -> Mail:
        """Return the first mail with a wanted subject; what tells of a run's end comes a moment after it."""
        deadline = time.monotonic() + seconds
        while True:
            for mail, subject in zip(self.mails, self.subjects(), strict=False):
                if wanted(subject):
                    return mail
            assert time.monotonic() < deadline, self.subjects()
            time.sleep(0.5)


def text(mail: Mail) -> str:
    """Return the plain part of a mail."""
    (plain,) = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
