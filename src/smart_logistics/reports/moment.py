"""The tables of a report, in named versions: what was read is said, and can be read again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.errors import ConfigurationError
from smart_logistics.views.snapshot import Snapshot

# A table that was not there yet; it stays so when it is made later.
ABSENT = -1
_ONE = re.compile(r"([a-z]+\.[a-z_]+)=(\d{1,18}|-)")


class VersionGone(ConfigurationError):
    """A version of a table is not there any more, or not yet."""


class Moment(Snapshot):
    """A snapshot that remembers tables that are not there, too, and with ``at`` reads no table that is not named.

    Raises:
        VersionGone: at the first read of a version that cannot be read.
    """

    def __init__(self, lakehouse: str, at: Mapping[str, int] | None = None) -> None:
        super().__init__(lakehouse, {name: version for name, version in (at or {}).items() if version != ABSENT})
        self._at = at
        self._read: dict[str, int] = {}

    def delta(self, table: Table) -> DeltaTable | None:
        """Return the open table; None where it does not, or did not, exist."""
        name = table.full_name
        was_there = self._at is None or self._at.get(name, ABSENT) != ABSENT
        found = self._opened(table) if was_there else None
        self._read[name] = ABSENT if found is None else found.version()
        return found

    def _opened(self, table: Table) -> DeltaTable | None:
        try:
            found = super().delta(table)
        except DeltaError as error:
            if self._at is None:
                raise
            raise gone(f"{table.full_name} has no version {self._at[table.full_name]}") from error
        if found is None and self._at is not None:
            raise gone(f"{table.full_name} is not there")
        return found

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the tables that were read so far, ABSENT where there was none."""
        return dict(sorted(self._read.items()))


def gone(what: str) -> VersionGone:
    """Return the error of a version that cannot be read."""
    return VersionGone(what, remedy="old versions are kept for a week after they were replaced; keep the report itself")


def written(versions: Mapping[str, int]) -> str:
    """Return versions as one word for the command line: ``gold.x=12,silver.y=-``."""
    return ",".join(f"{name}={'-' if version == ABSENT else version}" for name, version in sorted(versions.items()))


def parse(text: str) -> dict[str, int]:
    """Read what ``written`` writes.

    Raises:
        ConfigurationError: it is something else, or names a table twice or one that is none.
    """
    found: dict[str, int] = {}
    for word in re.split(r"[,\s]+", text.strip().strip(",")):
        read = _ONE.fullmatch(word)
        if read is None or read[1] in found or read[1] not in contracts.BY_FULL_NAME:
            raise ConfigurationError(
                f"{word[:100]!r} is no LAYER.TABLE=VERSION", remedy="take the whole line from the end of a report"
            )
        found[read[1]] = ABSENT if read[2] == "-" else int(read[2])
    return found
