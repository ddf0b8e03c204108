"""Claimed batches of telemetry files: claim → seal → (commits) → put away, each step safe to repeat after a crash.

A batch is ``processing/<stamp>/``: ``manifest.json`` (what was to be claimed: safe name → the file's own name), the
files under safe names, and, once everything about them is known, ``sealed.json``: status, counts and last place of
each. What is sealed never changes any more, so that every attempt to commit it says the same. Standard library only.
One process works here at a time: the job holds a lock.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smart_logistics.errors import ConfigurationError, SourceUnavailable
from smart_logistics.failpoints import reached
from smart_logistics.sources.content import digest
from smart_logistics.sources.landing import Folders, batch_folders, is_zipped

MANIFEST, SEALED = "manifest.json", "sealed.json"
# Our own shortage, not the file's fault: the task fails and its retry goes on.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@dataclass(frozen=True)
class ClaimedFile:
    """A file of a batch: its safe name, its own, size and MD5; where ``error`` hides its bytes, the MD5 is empty."""

    safe: str
    name: str
    size: int
    md5: str
    error: str | None = None


@dataclass(frozen=True)
class SealedFile:
    """What became of a file: LOADED, DUPLICATE or FAILED; ``target`` is relative to the landing folder's parent."""

    safe: str
    name: str
    size: int
    md5: str
    status: str
    found: int
    rejected: int
    error: str | None
    target: str


@dataclass(frozen=True)
class Batch:
    """A claimed batch. ``stamp`` is its own, ``run_id`` that of the run that took it."""

    folders: Folders
    folder: Path
    run_id: str
    names: tuple[tuple[str, str], ...]

    @property
    def stamp(self) -> int:
        """Microseconds since 1970."""
        return int(self.folder.name)

    def restamped(self, stamp: int) -> Batch:
        """Give a batch of which nothing is committed a later stamp."""
        folder = self.folder.with_name(str(stamp))
        self.folder.rename(folder)
        _fsync(folder.parent)
        return Batch(self.folders, folder, self.run_id, self.names)

    def path(self, safe: str) -> Path:
        """Return where a file of the batch lies now."""
        return self.folder / safe

    def claimed(self) -> list[ClaimedFile]:
        """Return the files that are really here, hashed; a crash may have left some of the manifest's unclaimed."""
        return [self._hashed(safe, name) for safe, name in self.names if os.path.lexists(self.path(safe))]

    def _hashed(self, safe: str, name: str) -> ClaimedFile:
        try:
            checksum, size = digest(self.path(safe))
        except OSError as error:
            if error.errno in _OURS:
                raise SourceUnavailable(f"cannot read a claimed file: {error.strerror}", remedy="run again") from error
            size = os.lstat(self.path(safe)).st_size
            return ClaimedFile(safe, name, size, "", f"cannot be opened: {error.strerror or error}")
        return ClaimedFile(safe, name, size, checksum)

    def seal(self, files: Sequence[SealedFile]) -> None:
        """Write down what became of every file, before the first commit."""
        _write_json(self.folder / SEALED, [asdict(file) for file in files])

    def sealed(self) -> list[SealedFile] | None:
        """Return what was sealed, or None."""
        try:
            found = json.loads((self.folder / SEALED).read_bytes())
        except FileNotFoundError:
            return None
        return [SealedFile(**file) for file in found]

    def put_away(self, files: Iterable[SealedFile]) -> None:
        """Move every file to its last place and remove the batch's folder: only after the commits. Never overwrites."""
        parents = set()
        for file in files:
            target = self.folders.parent / file.target
            target.parent.mkdir(parents=True, exist_ok=True)
            parents.add(target.parent)
            self._move(file, target)
            reached("bronze_ingest_iot.moved")
        for parent in parents:
            _fsync(parent)
        reached("bronze_ingest_iot.put_away")
        self.remove()

    def _move(self, file: SealedFile, target: Path) -> None:
        source = self.path(file.safe)
        if not os.path.lexists(source):
            if not os.path.lexists(target):
                _warn(f"{file.name!r} is committed, but was taken out of {self.folder} by someone else")
            return
        while not _moved(source, target):
            # Somebody put a file of this name there since the target was chosen; the log keeps the first choice.
            target = free_target(target.parent, file.name, set())
            _warn(f"{file.name!r} goes to {target}, because its place was taken")

    def remove(self) -> None:
        """Remove the folder of a batch all of whose files are put away."""
        for name in (MANIFEST + ".new", SEALED + ".new", MANIFEST, SEALED):
            (self.folder / name).unlink(missing_ok=True)
        self.folder.rmdir()
        _fsync(self.folder.parent)


def unfinished(folders: Folders) -> Iterator[Batch]:
    """Yield the batches that were claimed and not put away, the oldest first; remove those without files."""
    for folder in batch_folders(folders):
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            _remove_unused(Batch(folders, folder, "", ()))
            continue
        batch = Batch(folders, folder, manifest["run_id"], _names(manifest))
        if batch.sealed() is None and not any(os.path.lexists(batch.path(safe)) for safe, _ in batch.names):
            batch.remove()
        else:
            yield batch


def _remove_unused(batch: Batch) -> None:
    """Remove a batch without a manifest: the crash came before its first file was claimed."""
    try:
        batch.remove()
    except OSError as error:
        raise SourceUnavailable(
            f"{batch.folder} holds files, but its manifest is gone", remedy="move them back to the landing folder"
        ) from error


def claim(folders: Folders, names: Sequence[str], stamp: int, run_id: str) -> Batch | None:
    """Move files of the landing folder into a new batch, in the order of ``names``; None where none could be moved.

    A file that this process may not move (another's, in a folder with the sticky bit, or an immutable one) stays where
    it is, with a warning: it stops nothing else.

    Raises:
        SourceUnavailable: no file may be moved out of the folder.
        ConfigurationError: landing and processing are not on one file system.
    """
    folder = folders.processing / str(stamp)
    folder.mkdir(parents=True)
    width = len(str(len(names)))
    files = [
        {"safe": f"{number:0{width}}.json" + (".gz" if is_zipped(name) else ""), "name": name, **_status(folders, name)}
        for number, name in enumerate(names)
    ]
    manifest = {"run_id": run_id, "files": files}
    _write_json(folder / MANIFEST, manifest)
    _fsync(folders.processing)
    reached("bronze_ingest_iot.planned")
    batch = Batch(folders, folder, run_id, _names(manifest))
    refused = [error for safe, name in batch.names if (error := _claimed(folders.landing / name, folder / safe))]
    _fsync(folder)
    _fsync(folders.landing)
    if refused:
        _warn(f"{len(refused)} files cannot be moved out of {folders.landing}: {refused[0]}")
    if refused and not os.access(folders.landing, os.W_OK | os.X_OK):
        raise SourceUnavailable(
            f"cannot move files out of {folders.landing}: {refused[0]}", remedy="give the job write permission there"
        )
    if any(os.path.lexists(batch.path(safe)) for safe, _ in batch.names):
        return batch
    batch.remove()
    return None


def left_behind(folders: Folders, names: Sequence[str]) -> list[str]:
    """Return which of the files that were to be claimed lie in the landing folder still."""
    return [name for name in names if os.path.lexists(folders.landing / name)]


def free_target(parent: Path, name: str, planned: set[str]) -> Path:
    """Return a path in ``parent`` where nothing lies and nothing is ``planned``, and plan it.

    That is the name, or else with ``.2``, ``.3``, … before ``.json``.
    """
    suffix = ".json.gz" if is_zipped(name) else ".json"
    stem = os.fsencode(name.removesuffix(suffix))
    number, candidate = 1, name
    while (path := parent / candidate) and (str(path) in planned or os.path.lexists(path)):
        number += 1
        end = f".{number}{suffix}"
        candidate = os.fsdecode(stem[: 255 - len(end)]) + end
    planned.add(str(path))
    return path


def _claimed(source: Path, target: Path) -> str | None:
    """Rename one file; return why that was refused."""
    try:
        source.rename(target)
    except FileNotFoundError:
        return None  # its sender took it back
    except PermissionError as error:
        return error.strerror
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise ConfigurationError(
                f"{source.parent} and {target.parent.parent} are not on one file system",
                remedy="mount the folder that holds both, not the landing folder alone",
            ) from error
        raise SourceUnavailable(f"cannot claim a file: {error.strerror}", remedy="see the disk's state") from error
    reached("bronze_ingest_iot.claimed")
    return None


def _moved(source: Path, target: Path) -> bool:
    """Move without overwriting; False where something lies at the target."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(os.lstat(source), os.lstat(target)):
            return False
    except OSError:
        # No hard links here, or not to a file of another owner. We alone write there, so that a look suffices.
        if os.path.lexists(target):
            return False
        source.rename(target)
        return True
    reached("bronze_ingest_iot.linked")
    source.unlink()
    return True


def _names(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((file["safe"], file["name"]) for file in manifest["files"])


def _status(folders: Folders, name: str) -> dict[str, float]:
    try:
        status = os.lstat(folders.landing / name)
    except FileNotFoundError:
        return {}
    return {"size": status.st_size, "mtime": status.st_mtime}


def _write_json(path: Path, content: object) -> None:
    """Write a file that is there whole or not at all, also after a power loss."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(json.dumps(content).encode())
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    _fsync(path.parent)


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
