"""A second memory of each table's newest commits, kept beside the tables of a lakehouse on local storage.

Delta takes a log whose last commit file is missing or of length zero for a shorter history: rows are gone, no error is
raised, and the next append buries them. A power loss can leave such a log, and so can a copy or a restore that went
halfway. So each commit, once it is on the disk with the files that it adds, is copied to ``_commits/<layer>.<table>/``;
a table that is behind its copies, or differs from them, is refused. The newest copies are kept, to put back.

A commit that is not copied yet was not acknowledged either: its writer was killed in between. It is taken where it is
whole, and refused where it is not. Standard library only; everything here is safe to repeat.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from smart_logistics.errors import LakeDamaged

KEPT = 10
_COMMIT = re.compile(r"\d{20}\.json")
_GUIDE = "docs/troubleshooting.md, 'A table that is not what was committed'"


def _log(table: Path) -> Path:
    return table / "_delta_log"


def _name(version: int) -> str:
    return f"{version:020}.json"


def _newest(folder: Path) -> int | None:
    """Return the newest version of which ``folder`` holds a commit file; None where there is none."""
    try:
        return max((int(path.stem) for path in folder.iterdir() if _COMMIT.fullmatch(path.name)), default=None)
    except FileNotFoundError:
        return None


def _not_copied(log: Path, known: int | None) -> list[int]:
    """Return the versions after ``known``, the newest alone where that is all we can know.

    Each is asked for by its name, so that the cost does not grow with the log.
    """
    if known is None or not (log / _name(known)).exists():
        newest = _newest(log)
        return [] if newest is None or newest == known else [newest]
    version = known
    while (log / _name(version + 1)).exists():
        version += 1
    return list(range(known + 1, version + 1))


def _actions(commit: Path) -> list[dict[str, Any]]:
    """Parse a commit file.

    Raises:
        LakeDamaged: it is empty or cut off.
    """
    try:
        # Lines end with a line feed and nothing else: the statistics hold any character of any text.
        actions = [json.loads(line) for line in commit.read_bytes().split(b"\n") if line]
    except ValueError:
        actions = []
    if not actions:
        raise LakeDamaged(
            f"{commit} is empty or cut off, and was never acknowledged", remedy=f"see {_GUIDE}: move it away"
        )
    return actions


def _added(table: Path, actions: list[dict[str, Any]]) -> Iterator[tuple[Path, int]]:
    """Yield the files that a commit adds, and their size."""
    for action in actions:
        if "add" in action:
            yield table / unquote(action["add"]["path"]), action["add"]["size"]


def check(table: Path, copies: Path) -> None:
    """Compare the end of a table's log with what was committed.

    Raises:
        LakeDamaged: a commit is missing, empty or another one; the message names the file, the remedy what to do.
    """
    known = _newest(copies)
    if known is not None:
        _compare(_log(table) / _name(known), copies / _name(known), _log(table))
    for newest in _not_copied(_log(table), known)[-1:]:
        commit = _log(table) / _name(newest)
        for file, size in _added(table, _actions(commit)):
            if not file.is_file() or file.stat().st_size != size:
                raise LakeDamaged(
                    f"{file} is missing or cut off, and the commit that adds it was never acknowledged",
                    remedy=f"see {_GUIDE}: move {commit} away",
                )


def _compare(commit: Path, copy: Path, log: Path) -> None:
    try:
        same = commit.read_bytes() == copy.read_bytes()
    except FileNotFoundError:
        if not copy.exists() or (_newest(log) or 0) > int(commit.name[:20]):
            return  # the table moved on meanwhile, or its log was cleaned up; a gap Delta notices itself
        raise LakeDamaged(f"{commit} is missing", remedy=f"see {_GUIDE}: copy {copy} there") from None
    if not same:
        raise LakeDamaged(f"{commit} is not what was committed", remedy=f"see {_GUIDE}: copy {copy} there")


def record(table: Path, copies: Path) -> None:
    """Let what was committed since the last copy reach the disk, whole, and copy it. The caller is the only writer."""
    log = _log(table)
    versions = _not_copied(log, _newest(copies))
    for version in versions:
        _to_disk(table, log / _name(version))
        _copy(log / _name(version), copies)
    if versions:
        _forget(copies, versions[-1] - KEPT)


def _to_disk(table: Path, commit: Path) -> None:
    """Sync the files that a commit adds, then the commit, then their folders."""
    files = [file for file, _ in _added(table, _actions(commit))]
    for path in (*files, commit, *{file.parent for file in files}, commit.parent, table):
        sync(path)


def _copy(commit: Path, copies: Path) -> None:
    copies.mkdir(parents=True, exist_ok=True)
    new = copies / f".{commit.name}.{os.getpid()}"
    new.write_bytes(commit.read_bytes())
    sync(new)
    new.rename(copies / commit.name)
    sync(copies)


def _forget(copies: Path, version: int) -> None:
    for path in copies.iterdir():
        if _COMMIT.fullmatch(path.name) and int(path.stem) <= version:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Let a file or folder reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
