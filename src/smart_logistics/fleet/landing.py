"""The landing folder as a gateway uses it: a file is written beside its name, made durable, then renamed."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from smart_logistics.errors import EnvironmentFault
from smart_logistics.fleet.gateway import TelemetryFile

# Where the pipeline takes files to; siblings of the landing folder.
TAKEN_TO = ("processing", "archive", "failed")


class Delivery:
    """Files that wait under temporary names until ``publish``; left without it, they are removed.

    Raises:
        EnvironmentFault: the folder cannot be made or written.
    """

    def __init__(self, landing: Path) -> None:
        self.landing = landing
        self._waiting: set[str] = set()

    def __enter__(self) -> Delivery:
        try:
            self.landing.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _fault(self.landing, error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name in self._waiting:
            self._temporary(name).unlink(missing_ok=True)

    def add(self, file: TelemetryFile) -> None:
        """Write the file under a temporary name, as old as its name says: the settle time is over for it."""
        temporary = self._temporary(file.name)
        written = file.at.timestamp()
        try:
            with temporary.open("wb") as out:
                self._waiting.add(file.name)
                out.write(file.content)
                out.flush()
                os.fsync(out.fileno())
            os.utime(temporary, (written, written))
        except OSError as error:
            raise _fault(self.landing, error) from error

    def publish(self) -> int:
        """Rename all files in name order, so that no run takes a later one first; return how many there are."""
        names = sorted(self._waiting)
        try:
            for name in names:
                self._temporary(name).replace(self.landing / name)
                self._waiting.remove(name)
            folder = os.open(self.landing, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _fault(self.landing, error) from error
        return len(names)

    def names_delivered(self) -> set[str]:
        """Return the names of all files that are, or were, in the landing folder."""
        folders = (self.landing, *(self.landing.parent / name for name in TAKEN_TO))
        return {name for folder in folders for _, _, names in os.walk(folder) for name in names}

    def _temporary(self, name: str) -> Path:
        return self.landing / f".{name}.tmp"


def _fault(landing: Path, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"the landing folder {landing} cannot be written: {error.strerror or error}",
        remedy="check its permissions and free space, or set LOGISTICS_LANDING",
    )
