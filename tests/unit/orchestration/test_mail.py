"""A mail's text is data: nothing in it is a template, markup or a header."""

from __future__ import annotations

import socket

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from airflow.sdk import Connection

from smart_logistics.orchestration.mail import Message, compose, send

HOSTILE = "<script>x</script> {{ 7*7 }} {{ conn.logistics_postgres.password }}\r\nBcc: thief@example.com"
MESSAGE = Message(f"failed: {HOSTILE}", (("Why", HOSTILE), ("Log", "http://127.0.0.1:1/x?a=1&b=2")))


class Kept(MessageHandler):
    """A mail server's post box."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[object] = []

    def handle_message(self, message: object) -> None:
        self.mails.append(message)


def parts(message: Message) -> tuple[str, str]:
    mail = compose(message, "from@example.com", ["to@example.com"])
    plain, html = mail.iter_parts()
    return plain.get_content(), html.get_content()


def test_a_subject_is_one_line() -> None:
    mail = compose(MESSAGE, "from@example.com", ["to@example.com"])
    assert mail["Bcc"] is None
    assert "\n" not in MESSAGE.line()
    assert "\r" not in MESSAGE.line()


def test_markup_is_escaped_in_html_and_literal_in_plain_text() -> None:
    plain, html = parts(MESSAGE)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<script>x</script>" in plain


def test_nothing_is_rendered() -> None:
    for text in (*parts(MESSAGE), MESSAGE.line()):
        assert "{{ 7*7 }}" in text
        assert "49" not in text


def test_our_links_are_links_and_no_other_scheme_is() -> None:
    _, html = parts(Message("s", (("a", "http://h/x?a=1&b=2"), ("b", "javascript:alert(1)"))))
    assert '<a href="http://h/x?a=1&amp;b=2">' in html
    assert 'href="javascript' not in html


def test_a_mail_arrives_at_every_receiver() -> None:
    box = Kept()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        connection = Connection(
            conn_id="logistics_smtp",
            conn_type="smtp",
            host="127.0.0.1",
            port=port,
            extra='{"from_email": "from@example.com", "to_email": "a@example.com, b@example.com",'
            ' "disable_ssl": true, "disable_tls": true}',
        )
        send(MESSAGE, connection)
    finally:
        server.stop()
    (mail,) = box.mails
    assert mail["X-RcptTo"] == "a@example.com, b@example.com"  # type: ignore[index]
    assert mail["Subject"].replace("\r\n ", " ").startswith("failed: <script>")  # type: ignore[index]
