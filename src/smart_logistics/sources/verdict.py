"""What becomes of each file of a batch: LOADED, DUPLICATE or FAILED, and where it goes. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from smart_logistics.sources.claim import ClaimedFile, SealedFile, free_target
from smart_logistics.sources.landing import Folders, is_zipped
from smart_logistics.sources.raw import lossless

LOADED, DUPLICATE, FAILED = "LOADED", "DUPLICATE", "FAILED"


class Outcome(NamedTuple):
    """What parsing a file gave: records found, of them rejected, and why the file has FAILED, or None."""

    found: int
    rejected: int
    error: str | None


def shown(name: str) -> str:
    """Return a file's name as text for a table."""
    return lossless(os.fsencode(name))


def to_parse(files: Sequence[ClaimedFile], before: Mapping[tuple[str, int], str]) -> Iterator[int]:
    """Yield the indices of the files whose records are needed: each content once, none that was LOADED ``before``.

    The same bytes are read twice where one name says that they are compressed and another that they are not.
    """
    seen = set()
    for index, file in enumerate(files):
        if file.error is None and (file.md5, file.size) not in before and _reading(file) not in seen:
            seen.add(_reading(file))
            yield index


def verdicts(
    folders: Folders,
    files: Sequence[ClaimedFile],
    outcomes: Mapping[int, Outcome],
    before: Mapping[tuple[str, int], str],
    day: date,
) -> list[SealedFile]:
    """Judge ``files`` in their order; ``outcomes`` are those of the indices that ``to_parse`` gave."""
    of_reading = {_reading(files[index]): outcome for index, outcome in outcomes.items()}
    loaded = dict(before)
    planned: set[str] = set()
    sealed = []
    for file in files:
        content = (file.md5, file.size)
        if file.error is None and content in loaded:
            status, outcome = DUPLICATE, Outcome(0, 0, f"the same bytes as {loaded[content]}")
        else:
            outcome = Outcome(0, 0, file.error) if file.error is not None else of_reading[_reading(file)]
            status = FAILED if outcome.error is not None else LOADED
        if status == LOADED:
            loaded[content] = shown(file.name)
        target = free_target(_last_folder(folders, status, day), file.name, planned)
        place = str(target.relative_to(folders.parent))
        sealed.append(SealedFile(file.safe, file.name, file.size, file.md5, status, *outcome, place))
    return sealed


def _reading(file: ClaimedFile) -> tuple[str, int, bool]:
    return file.md5, file.size, is_zipped(file.name)


def _last_folder(folders: Folders, status: str, day: date) -> Path:
    return folders.failed if status == FAILED else folders.archive / f"{day:%Y}/{day:%m}/{day:%d}"
