"""The source database when it is somebody else's: can it be reached with what was given?"""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg

from smart_logistics.errors import ConfigurationError, SourceUnavailable

_FORM = "postgresql://user:password@host:port/database"
_REFUSED = ("password authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")


def place(dsn: str) -> str:
    """Return where ``dsn`` points, without the password.

    Raises:
        ConfigurationError: it is not a DSN.
    """
    try:
        parts = urlsplit(dsn)
        port = parts.port or 5432
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.path.strip("/"):
        raise ConfigurationError("LOGISTICS_SOURCE_DSN is not a DSN", remedy=f"write it as {_FORM}")
    return f"{parts.username or ''}@{parts.hostname}:{port}{parts.path}"


def check(dsn: str) -> None:
    """Connect and ask for nothing.

    Raises:
        ConfigurationError: the DSN is malformed, or the server refuses this user, password or database.
        SourceUnavailable: nobody answers.
    """
    where = place(dsn)
    try:
        with psycopg.connect(dsn, connect_timeout=10, application_name="logistics") as connection:
            connection.execute("select 1")
    except psycopg.OperationalError as error:
        # libpq's text names host, user and database, never the password.
        why = str(error).strip().splitlines()[0].removeprefix("connection failed: ")
        if any(text in why for text in _REFUSED):
            raise ConfigurationError(
                f"the source {where} refuses: {why}",
                remedy="correct user, password or database in LOGISTICS_SOURCE_DSN",
            ) from None
        raise SourceUnavailable(
            f"the source {where} cannot be reached: {why}",
            remedy="check that the server runs and that this machine may connect, or correct LOGISTICS_SOURCE_DSN",
        ) from None
    except psycopg.Error as error:
        raise ConfigurationError(f"the source {where} cannot be used: {error}", remedy=f"write it as {_FORM}") from None
