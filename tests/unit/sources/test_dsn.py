"""The source's address: every part taken, the password shown nowhere."""

from __future__ import annotations

import pytest

from smart_logistics.errors import ConfigurationError
from smart_logistics.sources import dsn

FULL = "postgresql://re%40der:can%2Fary%25@db.example:6432/my%20db?sslmode=require&connect_timeout=99"


def test_every_part_reaches_both_drivers() -> None:
    address = dsn.parse(FULL)
    libpq, jdbc = address.libpq(), address.jdbc()
    assert (libpq["host"], libpq["port"], libpq["dbname"], libpq["user"]) == ("db.example", 6432, "my db", "re@der")
    assert (libpq["password"], libpq["sslmode"], libpq["connect_timeout"]) == ("can/ary%", "require", 10)
    url, _, options = address.jdbc_url.partition("?")
    assert url == "jdbc:postgresql://db.example:6432/my%20db"
    assert (jdbc["user"], jdbc["password"], jdbc["sslmode"]) == ("re@der", "can/ary%", "require")
    assert {"socketTimeout=120", "connectTimeout=10", "loginTimeout=10"} <= set(options.split("&"))
    assert all(name.islower() for name in jdbc), "Spark writes properties in small letters"
    assert dsn.parse("host=::1 dbname=d user=u").jdbc_url.startswith("jdbc:postgresql://[::1]:5432/d?")


def test_the_password_is_in_no_text_of_the_address() -> None:
    address = dsn.parse(FULL)
    assert "can/ary" not in f"{address} {address!r} {address.jdbc_url}"
    assert str(address) == "re@der@db.example:6432/my db"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:canary@[",
        "canary",
        "postgresql:///d?host=/tmp&user=canary",
        "postgresql://canary@a,b/d",
        "postgresql://canary@a/",
        "postgresql://a/canary",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="LOGISTICS_SOURCE_DSN") as failure:
        dsn.parse(text)
    assert "canary" not in str(failure.value)
    assert failure.value.__suppress_context__ or failure.value.__context__ is None
