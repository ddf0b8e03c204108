"""The settings that docs/mail-servers.md gives are taken, and lead to the encryption that it promises."""

from __future__ import annotations

import re
from typing import Any

import pytest

from smart_logistics import settings
from smart_logistics.orchestration import provision
from smart_logistics.orchestration.config_files import SECRETS
from smart_logistics.settings import REPOSITORY, Settings

PAGE = (REPOSITORY / "docs" / "mail-servers.md").read_text("utf-8")
EXAMPLES = [dict(re.findall(r"^(LOGISTICS_\w+)=(.*)$", block, re.MULTILINE)) for block in PAGE.split("```sh\n")[1:]]


def mail_server(loaded: Settings) -> dict[str, Any]:
    """Return the fields of the connection to the mail server."""
    return provision.connections(SECRETS, loaded, "postgresql://u@127.0.0.1/d")["logistics_smtp"]


def test_there_is_an_example_for_each_server() -> None:
    hosts = [example["LOGISTICS_SMTP_HOST"] for example in EXAMPLES]
    assert hosts == [
        "smtp.gmail.com",
        "smtp.office365.com",
        "email-smtp.eu-central-1.amazonaws.com",
        "127.0.0.1",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["LOGISTICS_SMTP_HOST"])
def test_an_example_is_taken_and_no_password_goes_out_in_plain(example: dict[str, str]) -> None:
    loaded = settings.load(example)
    assert {name.removeprefix("LOGISTICS_") for name in example} == loaded.given
    made = mail_server(loaded)
    encrypted = not (made["extra"]["disable_ssl"] and made["extra"]["disable_tls"])
    is_here = made["host"] == "127.0.0.1"
    assert encrypted is not is_here
    assert bool(made.get("login")) is bool(made.get("password")) is not is_here
    assert made["extra"]["to_email"] == "oncall@yourdomain.example"


@pytest.mark.parametrize(
    ("port", "promise"), [("465", "implicit TLS"), ("587", "STARTTLS"), ("any other", "plain all")]
)
def test_the_table_says_what_each_port_means(port: str, promise: str) -> None:
    (row,) = re.findall(rf"^\| {port} \| (.*) \|$", PAGE, re.MULTILINE)
    assert promise in row
    number = "2587" if port == "any other" else port
    extra = mail_server(settings.load({"LOGISTICS_SMTP_HOST": "m", "LOGISTICS_SMTP_PORT": number}))["extra"]
    assert (not extra["disable_ssl"], not extra["disable_tls"]) == (port == "465", port == "587")
