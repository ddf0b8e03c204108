"""Which files of the landing folder are taken: contract §4. Standard library: the sensor asks here as the job does.

The landing folder is the only one that is listed. ``processing/``, ``archive/`` and ``failed/`` are its siblings, on
the same file system, so that a file moves between them by rename. Where several machines run the jobs, all of them
must see these folders at the same path.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.errors import SourceUnavailable

# <batch> is anything a file name may hold, one character at least.
_NAME = re.compile(r"iot_telemetry_[0-9]{8}_[0-9]{6}_.+\.json(\.gz)?", re.DOTALL)


@dataclass(frozen=True)
class Folders:
    """Where files lie on their way: landing → processing/<batch stamp> → archive/YYYY/MM/DD or failed."""

    landing: Path

    @property
    def parent(self) -> Path:
        """What they all lie in."""
        return self.landing.parent

    @property
    def processing(self) -> Path:
        """Batches that are claimed and not yet put away."""
        return self.parent / "processing"

    @property
    def archive(self) -> Path:
        """Files that are LOADED or DUPLICATE, by the day of their batch."""
        return self.parent / "archive"

    @property
    def failed(self) -> Path:
        """Files of which nothing could be read."""
        return self.parent / "failed"

    @property
    def lock(self) -> Path:
        """Held by the one process that claims and puts away."""
        return self.parent / ".iot_files.lock"


def is_taken(name: str) -> bool:
    """Return whether a file of this name is for us; others are left where they are."""
    return _NAME.fullmatch(name) is not None


def is_zipped(name: str) -> bool:
    """Return whether a file of this name must be a gzip file."""
    return name.endswith(".gz")


def eligible(landing: Path, settle_seconds: float, now: float | None = None) -> list[str]:
    """Return the names of the files to take, in the byte order of their names.

    Regular files whose name fits and that were last written ``settle_seconds`` ago or earlier; no links, pipes,
    folders. ``now`` is seconds since 1970, by default the clock. Names that are not UTF-8 hold surrogates, as always
    in Python.

    Raises:
        SourceUnavailable: the folder cannot be read.
    """
    moment = time.time() if now is None else now
    try:
        with os.scandir(landing) as entries:
            found = [
                entry.name for entry in entries if is_taken(entry.name) and _has_settled(entry, settle_seconds, moment)
            ]
    except OSError as error:
        raise SourceUnavailable(
            f"cannot list the landing folder {landing}: {error.strerror}",
            remedy="create it, or correct LOGISTICS_LANDING or its permissions",
        ) from error
    return sorted(found, key=os.fsencode)


def batch_folders(folders: Folders) -> Iterator[Path]:
    """Yield the folders of claimed batches, the oldest first."""
    try:
        names = [path.name for path in folders.processing.iterdir()]
    except FileNotFoundError:
        return
    for name in sorted((name for name in names if name.isascii() and name.isdigit()), key=int):
        yield folders.processing / name


def _has_settled(entry: os.DirEntry[str], settle_seconds: float, now: float) -> bool:
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False  # gone since it was listed
    # A sender's clock may put a file into the future; the kernel's own stamp says when it really came.
    written = status.st_mtime if status.st_mtime <= now else status.st_ctime
    return now - written >= settle_seconds
