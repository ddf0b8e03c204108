"""A mail server of the tests' own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message as Mail
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler
from aiosmtpd.smtp import AuthResult, LoginPassword

Login = tuple[str, str]


class Mailbox(Handler):
    """What came, in order, and when."""

    def __init__(self, port: int, login: Login | None = None) -> None:
        super().__init__()
        self.port = port
        self._guard: dict[str, Any] = {}
        if login is not None:
            self._guard = {"authenticator": _lets_in(login), "auth_required": True, "auth_require_tls": False}
        self.mails: list[Mail] = []
        self.arrived: list[datetime] = []

    @classmethod
    @contextmanager
    def open(cls, login: Login | None = None) -> Iterator[Mailbox]:
        """Serve until the end of the block; with a ``login`` only who knows it is let in."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        box = cls(port, login)
        box.start()
        try:
            yield box
        finally:
            box.stop()

    def start(self) -> None:
        """Answer, always on the same port."""
        self._server = Controller(self, hostname="127.0.0.1", port=self.port, **self._guard)
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
        self.arrived.append(datetime.now(UTC))
        self.mails.append(message)

    def subjects(self) -> list[str]:
        return [" ".join(str(mail["Subject"]).split()) for mail in self.mails]

    def about(self, subject: str, body: str) -> list[tuple[datetime, str]]:
        """Return moment and text of the mails whose subject and text hold these words."""
        mails = zip(self.arrived, self.subjects(), self.mails, strict=False)
        return [(when, text(mail)) for when, said, mail in mails if subject in said and body in text(mail)]

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


def _lets_in(login: Login) -> Callable[..., AuthResult]:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == login
        return AuthResult(success=known, handled=False)

    return check


def text(mail: Mail, kind: str = "text/plain") -> str:
    """Return the plain part of a mail, or the one of another kind."""
    (part,) = [part for part in mail.walk() if part.get_content_type() == kind]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
