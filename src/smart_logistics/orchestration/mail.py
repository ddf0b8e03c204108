"""One mail as data, and its way through the connection ``logistics_smtp``.

Airflow's own notifier takes its text as a template, does not escape it and lets a line break into the subject: a file
named ``{{ conn.logistics_postgres.password }}`` would mail the password. Here every value is text and nothing is
rendered.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Connection

_TIMEOUT_SECONDS = 5.0
_LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class Message:
    """A subject and labelled facts, in the order in which they are read. A fact may be a link.

    ``receivers`` are who has not got it yet; none stands for all that the connection names.
    """

    subject: str
    facts: tuple[tuple[str, str], ...]
    receivers: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the subject as one line: no control characters, bounded."""
        text = "".join(c if c.isprintable() else " " for c in self.subject)
        return " ".join(text.split())[:_LONGEST_SUBJECT]

    def plain(self) -> str:
        """Return the facts as plain text."""
        return "\n".join(f"{label}: {value}" for label, value in self.facts) + "\n"

    def html(self) -> str:
        """Return the facts as a table, every value escaped; only our own links are links."""
        rows = "".join(f"<tr><th align=left valign=top>{escape(k)}</th><td>{_cell(v)}</td></tr>" for k, v in self.facts)
        return f"<html><body><h3>{escape(self.line())}</h3><table cellpadding=4>{rows}</table></body></html>"


class SomeRefused(smtplib.SMTPException):
    """The server took a mail, but not for these ``receivers``."""

    def __init__(self, refused: Mapping[str, tuple[int, bytes]]) -> None:
        said = (f"{who}: {code} {reply.decode(errors='replace')}" for who, (code, reply) in refused.items())
        super().__init__(f"taken for others, refused for {'; '.join(said)}")
        self.receivers = tuple(refused)


def _cell(value: str) -> str:
    text = escape(value).replace("\n", "<br>")
    is_link = value.startswith(("http://", "https://")) and not any(c.isspace() for c in value)
    return f'<a href="{text}">{text}</a>' if is_link else text


def compose(message: Message, sender: str, receivers: list[str], message_id: str = "") -> EmailMessage:
    """Return the message as a mail with a plain and an HTML part; one of the same id is shown once."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.line(), sender, ", ".join(receivers)
    mail["Date"], mail["Message-ID"] = formatdate(), message_id or make_msgid(domain="smart-logistics.invalid")
    mail.set_content(message.plain())
    mail.add_alternative(message.html(), subtype="html")
    return mail


def send(message: Message, connection: Connection, message_id: str = "") -> None:
    """Send a message; one attempt, a short timeout: the caller is cut off after twenty seconds.

    Raises:
        OSError: the server does not answer, or refuses (smtplib's errors are OSErrors).
        SomeRefused: it took the mail for some receivers and refused others.
    """
    extra = connection.extra_dejson
    named = [one.strip() for one in str(extra.get("to_email", "")).split(",") if one.strip()]
    receivers = [*message.receivers] or named
    mail = compose(message, str(extra.get("from_email", "")), receivers, message_id)
    host, port = connection.host or "", connection.port or 0
    if extra.get("disable_ssl"):
        client = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    else:
        client = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context())
    with client:
        if not extra.get("disable_tls"):
            client.starttls(context=ssl.create_default_context())
        if connection.login:
            client.login(connection.login, connection.password or "")
        refused = client.send_message(mail)
    if refused:
        raise SomeRefused(refused)
