"""How the text of a setting is read; each reader raises ValueError with what the text must be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

# Which session jobs compute on: a driver for each, or the one that the stack keeps.
CLASSIC, WARM = "classic", "warm"
# Roles of Airflow's SimpleAuthManager, each with all that the ones before it may; and the stack's own administrator.
ROLES = ("viewer", "user", "op", "admin")
STACK_USER = "admin"
# Also a part of the name of the file with the password.
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# As it stands in a content security policy: nothing that could end its directive.
_HOST = re.compile(r"[A-Za-z0-9.-]+")


def at_least(least: int, refusal: str) -> Callable[[str], int]:
    """Return a parser of whole numbers that are not below ``least``."""

    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError(refusal)
        return value

    return parse


positive = at_least(1, "must be greater than 0")
not_negative = at_least(0, "must not be negative")


def port(text: str) -> int:
    """Read the number of a port."""
    value = int(text)
    if not 1 <= value <= 65535:
        raise ValueError("must be a port, 1 to 65535")
    return value


def session(text: str) -> str:
    """Read which session jobs compute on."""
    if text.strip() not in (CLASSIC, WARM):
        raise ValueError(f"must be {CLASSIC} or {WARM}")
    return text.strip()


def users(text: str) -> tuple[tuple[str, str], ...]:
    """Read people and their roles, ``name:role`` separated by commas, as pairs in the order given."""
    found: list[tuple[str, str]] = []
    for entry in text.split(","):
        name, separator, role = (part.strip() for part in entry.partition(":"))
        if not separator:
            raise ValueError("must be NAME:ROLE, several separated by commas")
        if not _LOGIN.fullmatch(name):
            raise ValueError("a name must be of 1 to 64 letters, digits and . _ @ -, a letter or digit first")
        if role not in ROLES:
            raise ValueError(f"a role must be one of {', '.join(ROLES)}")
        found.append((name, role))
    # Ignoring case: their passwords' files are one file where the file system ignores it, and people mix them up.
    names = [name.lower() for name, _ in found]
    if STACK_USER in names:
        raise ValueError(f"{STACK_USER} is the stack's own administrator and needs no entry")
    if len(set(names)) < len(names):
        raise ValueError("each name must be there once, in upper or lower case")
    return tuple(found)


def by_job(value: type) -> Callable[[str], str]:
    """Return a parser of JSON objects that give a value for ``*`` (every job) or for jobs by their names."""

    def parse(text: str) -> str:
        found = json.loads(text)
        if not isinstance(found, dict) or not all(type(one) is value for one in found.values()):
            raise ValueError('must be a JSON object by job name, "*" for all')
        if value is int and any(one <= 0 for one in found.values()):
            raise ValueError("must be greater than 0 for each job")
        return json.dumps(found)

    return parse


def json_object(text: str) -> str:
    """Read a JSON object."""
    found = json.loads(text)
    if not (isinstance(found, dict) and all(found)):
        raise ValueError("must be a JSON object of arguments by name")
    return json.dumps(found)


def endpoint(text: str) -> tuple[str, int]:
    """Read ``host:port``."""
    host, separator, number = text.strip().rpartition(":")
    if not separator or not host:
        raise ValueError("must be host:port")
    return host, port(number)


def page(text: str) -> str:
    """Read the address of a folder of pages."""
    address = text.strip()
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("must be an http(s) URL without user and password")
    if parts.port == 0 or re.search(r"[\s?#]", address):
        raise ValueError("must be an http(s) URL to which a page's name can be added")
    return address.rstrip("/")


def lineage(text: str) -> str | None:
    """Read where lineage goes; ``off`` is nowhere."""
    place = text.strip()
    if place == "off":
        return None
    if place == "console" or (place.startswith("file:") and len(place) > len("file:")):
        return place
    parts = urlsplit(place)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("must be off, console, file:PATH or a URL without user and password")
    return place


def tiles(text: str) -> str:
    """Read the template of the addresses of map tiles: an http(s) URL with ``{z}``, ``{x}`` and ``{y}``."""
    template = text.strip()
    parts = urlsplit(template)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise ValueError("must be an http(s) URL of one host, without user and password")
    names = re.findall(r"{(.*?)}", template)
    if sorted(names) != ["x", "y", "z"] or re.search(r"[\s{}]", re.sub("{[xyz]}", "", template)):
        raise ValueError("must hold {z}, {x} and {y} once each, and no other braces")
    return template
