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
        box.start()
        try:
            yield box
        finally:
            box.stop()

    def start(self) -> None:
        """Answer, always on the same port."""
        self._server = Controller(self, hostname="127.0.0.1", port=self.port)
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop()

    @contextmanager
    def away(self, how: str) -> Iterator[None]:
        """Be down while the block runs: the port is ``closed``, or it ``hangs``, or ``refuses`` every mail."""
        self.stop()
        try:
            if how == "closed":
                yield
            elif how == "hangs":
                with socket.create_server(("127.0.0.1", self.port)):
                    yield
            else:
                refusing = Controller(_Refusing(), hostname="127.0.0.1", port=self.port)
                refusing.start()
                try:
                    yield
                finally:
                    refusing.stop()
        finally:
            self.start()

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


class _Refusing:
    """A server that answers and takes no mail."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        return "554 not today"


def text(mail: Mail, kind: str = "text/plain") -> str:
    """Return the plain part of a mail, or the one of another kind."""
    (part,) = [part for part in mail.walk() if part.get_content_type() == kind]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
