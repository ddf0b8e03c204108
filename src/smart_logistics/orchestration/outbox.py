"""Alerts on disk until the mail server has taken them: each incident once, also when it was down or we were killed.

``<home>/alerts/``: ``outbox/`` holds what waits, one JSON file for each message, ``told/`` a mark for each incident
that was put there, ``undelivered/`` what nobody took for a week. Whoever alerts puts its message in and then delivers
whatever waits; so does the start and the end of every run. One process at a time puts in, and one delivers: each under
a lock of its own, so that nobody who has something to tell waits for a mail server.

A mail that the server took just before we were killed is sent again. It carries the same Message-ID, by which mail
programs show it once. A mail that the server took for some receivers waits on for the others alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from smtplib import SMTPException
from typing import Any

from smart_logistics.errors import LockHeld
from smart_logistics.lake import locks
from smart_logistics.orchestration import kept
from smart_logistics.orchestration.mail import Message, SomeRefused

_log = logging.getLogger(__name__)
# Airflow cuts a task's callback off after twenty seconds.
_LOCK_SECONDS, _DELIVERY_SECONDS = 3.0, 10.0
_SPOOL_LOCK, DELIVERY_LOCK = "lock", "delivery.lock"
_GIVE_UP = timedelta(days=7)
_FORGET = timedelta(days=90)

Send = Callable[[Message, str], None]


@dataclass(frozen=True)
class Outbox:
    """The folder of alerts of one home."""

    folder: Path

    @contextmanager
    def _alone(self, lock: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locks.hold(self.folder / lock, wait_seconds=_LOCK_SECONDS):
            yield

    @property
    def waiting(self) -> list[Path]:
        """The messages that wait, the oldest first."""
        return sorted((self.folder / "outbox").glob("*.json"))

    def post(self, incident: str, message: Message, *, since: datetime | None = None) -> bool:
        """Put a message in; False where the incident was told before, and after ``since`` where that is given.

        Raises:
            LockHeld: another process puts something in for too long; it never waits for one that delivers.
            OSError: the message cannot be written.
        """
        now = datetime.now(UTC)
        name = kept.name_of(incident)
        with self._alone(_SPOOL_LOCK):
            told = self.told_at(incident)
            if told is not None and (since is None or told >= since):
                return False
            content = {"incident": incident, "posted_at": now.isoformat(), "subject": message.subject}
            stamp = f"{now:%Y%m%dT%H%M%S%f}"
            # The message first: killed between the two it may be told twice, but not never.
            kept.write(self.folder / "outbox" / f"{stamp}-{name}.json", content | {"facts": message.facts})
            kept.write(self.folder / "told" / name, {"incident": incident, "at": now.isoformat()})
        return True

    def told_at(self, incident: str) -> datetime | None:
        """Return when an incident was told last; None where it never was."""
        try:
            mark = json.loads((self.folder / "told" / kept.name_of(incident)).read_bytes())
        except FileNotFoundError:
            return None
        return datetime.fromisoformat(mark["at"])

    def deliver(self, send: Send) -> int:
        """Send what waits, the oldest first, and return how many were taken; what is refused stays for the next time.

        ``send`` takes a message and its Message-ID, and raises OSError or SMTPException where the server refuses.
        Where it raises SomeRefused, those receivers alone are tried the next time.
        """
        sent = 0
        try:
            with self._alone(DELIVERY_LOCK):
                sent = self._deliver_all(send)
                with self._alone(_SPOOL_LOCK):
                    self._forget()
        except LockHeld:
            _log.info("another process works here, and delivers the alerts that wait")
        return sent

    def _deliver_all(self, send: Send) -> int:
        """Send each message once, also those that are put in meanwhile: who does that does not wait for us."""
        end = time.monotonic() + _DELIVERY_SECONDS
        tried: set[Path] = set()
        while new := [path for path in self.waiting if path not in tried]:
            if time.monotonic() > end or not self._deliver(new[0], send):
                break
            tried.add(new[0])
        return sum(not path.exists() for path in tried)

    def _deliver(self, path: Path, send: Send) -> bool:
        """Send one message; False where the server cannot be reached, so that there is no point in going on."""
        content = json.loads(path.read_bytes())
        facts = tuple((label, value) for label, value in content["facts"])
        message = Message(content["subject"], facts, tuple(content.get("receivers", ())))
        try:
            send(message, f"<{path.stem}@smart-logistics.invalid>")
        except SomeRefused as error:
            kept.write(path, content | {"receivers": error.receivers})
            self._refused(path, content, message, error)
            return True
        except SMTPException as error:
            # This mail is refused, which says nothing about the next.
            self._refused(path, content, message, error)
            return True
        except (OSError, UnicodeError) as error:
            # Not reached; or a login beyond ASCII, which smtplib can send to no server.
            self._refused(path, content, message, error)
            return False
        path.unlink()
        _log.info("mailed: %s", message.line())
        return True

    def _refused(self, path: Path, content: dict[str, Any], message: Message, error: Exception) -> None:
        if datetime.now(UTC) - datetime.fromisoformat(content["posted_at"]) > _GIVE_UP:
            target = self.folder / "undelivered" / path.name
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
            _log.error("given up after %s, see %s: %s", _GIVE_UP, target, message.line())
            return
        _log.warning("not mailed, it waits for the next time: %s (%s)\n%s", message.line(), error, message.plain())

    def _forget(self) -> None:
        """Drop marks that nobody asks for any more; looked at once a day."""
        looked = self.folder / "looked"
        now = time.time()
        if looked.exists() and now - looked.stat().st_mtime < timedelta(days=1).total_seconds():
            return
        looked.touch()
        for mark in (self.folder / "told").glob("*"):
            if now - mark.stat().st_mtime > _FORGET.total_seconds():
                mark.unlink()
