"""The address of the source database for both drivers that reach it. Its password is in no text that is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo

from smart_logistics.errors import ConfigurationError

_FORM = "set LOGISTICS_SOURCE_DSN to postgresql://user:password@host:port/database"
# libpq's names that the JDBC driver understands alike.
_SHARED = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_JDBC_NUMBERS = {
    "connectTimeout": "connect_seconds",
    "loginTimeout": "connect_seconds",
    "socketTimeout": "read_seconds",
}


@dataclass(frozen=True)
class Timeouts:
    """After how many seconds a silent source counts as gone: connecting, in one fetch, in one query of the fence."""

    connect_seconds: int = 10
    read_seconds: int = 120
    query_seconds: int = 900


@dataclass(frozen=True)
class SourceAddress:
    """Where the source is. ``secrets`` holds what is not shown."""

    host: str
    port: int
    database: str
    user: str
    secrets: Mapping[str, str] = field(repr=False)
    extras: Mapping[str, str] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def libpq(self) -> dict[str, Any]:
        """Return the keyword arguments of ``psycopg.connect``."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "connect_timeout": self.timeouts.connect_seconds,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": self.timeouts.read_seconds * 1000,
            "application_name": "smart_logistics",
            **self.extras,
            **self.secrets,
        }

    @property
    def jdbc_url(self) -> str:
        """The URL for the JDBC driver, without user and password.

        It carries what has capitals in its name: Spark writes properties in small letters, and the driver then takes
        them for none of its own. A stalled server would be waited for without end.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        seconds = {name: str(getattr(self.timeouts, source)) for name, source in _JDBC_NUMBERS.items()}
        options = urlencode({"tcpKeepAlive": "true", "ApplicationName": "smart_logistics", **seconds})
        return f"jdbc:postgresql://{host}:{self.port}/{quote(self.database, safe='')}?{options}"

    def jdbc(self) -> dict[str, str]:
        """Return the driver's properties. Spark shows none of them in plans, logs or the UI."""
        return {
            "user": self.user,
            "driver": "org.postgresql.Driver",
            **{name: self.extras[name] for name in _SHARED if name in self.extras},
            **self.secrets,
        }


def parse(dsn: str, timeouts: Timeouts | None = None) -> SourceAddress:
    """Parse a DSN.

    Raises:
        ConfigurationError: it is none, or names no single TCP host, database and user. The text is never shown.
    """
    try:
        given = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        # The cause is not chained: it quotes the text.
        raise ConfigurationError("LOGISTICS_SOURCE_DSN is not a PostgreSQL DSN", remedy=_FORM) from None
    host, port = given.pop("host", ""), given.pop("port", "5432")
    database, user = given.pop("dbname", ""), given.pop("user", "")
    if not (host and database and user) or "," in host or host.startswith("/") or not port.isdigit():
        raise ConfigurationError(
            "LOGISTICS_SOURCE_DSN must name one host reached by TCP, a database and a user", remedy=_FORM
        )
    secrets = {"password": given.pop("password")} if "password" in given else {}
    given.pop("connect_timeout", None)
    return SourceAddress(host, int(port), database, user, secrets, given, timeouts or Timeouts())
