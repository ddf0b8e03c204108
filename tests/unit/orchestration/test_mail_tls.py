"""Mail through encrypted connections, to a server whose certificate an authority of the test's own has made."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from airflow.sdk import Connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smart_logistics import settings
from smart_logistics.orchestration import provision
from smart_logistics.orchestration.config_files import SECRETS
from smart_logistics.orchestration.mail import Message, send
from tests.e2e.mailbox import Mailbox

PASSWORD = "canary"
MESSAGE = Message("told", (("What", "it broke"),))


@dataclass(frozen=True)
class Authority:
    """Signs certificates; ``file`` is its own."""

    file: Path
    own: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path, name: str) -> Authority:
        """Make one that nobody trusts yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        own = (
            _certificate(subject, subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_may_sign(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.pem"
        file.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        return cls(file, own, key)

    def server(self, folder: Path, host: str) -> ssl.SSLContext:
        """Return the context of a server that proves to be ``host``, an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _certificate(_named(host), self.own.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = folder / f"server-{host}.pem"
        plain = serialization.NoEncryption()
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write_bytes(key.private_bytes(encoding, form, plain) + made.public_bytes(encoding))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _may_sign() -> x509.KeyUsage:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "digital_signature")
    no = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **no)


class Server(Mailbox):
    """A mail server that keeps what it was told of passwords."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.logins: list[str] = []

    def log_in(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, _given: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        self.logins.append(mechanism)
        return AuthResult(success=True)


@contextmanager
def serving(**how: Any) -> Iterator[Server]:
    """Serve with what aiosmtpd's controller is to be given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Server(port)
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=box.log_in,
        auth_require_tls=False,
        auth_required=True,
        **how,
    )
    server.start()
    try:
        yield box
    finally:
        server.stop()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this process trusts, as docs/mail-servers.md says."""
    found = Authority.make(tmp_path, "ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(found.file))
    return found


def through(port_setting: str, box: Server) -> Connection:
    """Return the connection that the settings for a port of the table make, to the test's server."""
    given = {
        "LOGISTICS_SMTP_HOST": "127.0.0.1",
        "LOGISTICS_SMTP_PORT": port_setting,
        "LOGISTICS_SMTP_USER": "u",
        "LOGISTICS_SMTP_PASSWORD": PASSWORD,
        "LOGISTICS_SMTP_TO": "b@example.org",
    }
    made = provision.connections(SECRETS, settings.load(given), "postgresql://u@127.0.0.1/d")["logistics_smtp"]
    extra = json.dumps(made.pop("extra"))
    return Connection(conn_id="logistics_smtp", **{**made, "port": box.port, "extra": extra})


@pytest.fixture(params=["465", "587"])
def port(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def encrypted(port: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Return how a server speaks TLS on a port: from the start, or after an upgrade that it insists on."""
    return {"ssl_context": context} if port == "465" else {"tls_context": context, "require_starttls": True}


def test_a_mail_goes_out_encrypted_both_ways(port: str, authority: Authority, tmp_path: Path) -> None:
    with serving(**encrypted(port, authority.server(tmp_path, "127.0.0.1"))) as box:
        send(MESSAGE, through(port, box))
        (mail,) = box.mails
    assert mail["Subject"] == "told"
    assert len(box.logins) == 1


def test_where_there_is_no_upgrade_nothing_is_sent_and_no_password(authority: Authority) -> None:
    with serving() as box, pytest.raises(smtplib.SMTPNotSupportedError):
        send(MESSAGE, through("587", box))
    assert box.mails == []
    assert box.logins == []


def test_a_certificate_of_an_authority_that_nobody_trusts_is_refused(
    port: str, authority: Authority, tmp_path: Path
) -> None:
    other = Authority.make(tmp_path, "theirs")
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with serving(**encrypted(port, other.server(tmp_path, "127.0.0.1"))) as box, refused:
        send(MESSAGE, through(port, box))
    assert box.mails == []
    assert box.logins == []


def test_a_certificate_for_another_name_is_refused(port: str, authority: Authority, tmp_path: Path) -> None:
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with serving(**encrypted(port, authority.server(tmp_path, "127.0.0.2"))) as box, refused:
        send(MESSAGE, through(port, box))
    assert box.mails == []
    assert box.logins == []
