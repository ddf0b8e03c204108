"""What a table no longer needs is deleted: replaced files, what killed writers left, and old entries of its log.

A file goes when no version of the last week needs it, so whoever reads a table for less than that is not disturbed.
Files that no version ever needed (their writer was killed before its commit) go by their age alone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import tables
from smart_logistics.settings import WEEK_HOURS

# Later commits than this are read one by one on top of the last checkpoint.
_MOST_BEHIND = 20


@dataclass(frozen=True)
class Vacuumed:
    """Files that were deleted (or would be) and their size."""

    files: int = 0
    bytes: int = 0


NOTHING = Vacuumed()


def require_retention(hours: int, *, force: bool = False) -> None:
    """Refuse a retention below a week unless it is forced.

    Raises:
        ConfigurationError: files would go that a running reader may still need.
    """
    if hours < (0 if force else WEEK_HOURS):
        raise ConfigurationError(
            f"{hours} h is less than {WEEK_HOURS} h: files could go that a reader still needs",
            remedy="keep them longer; or stop every reader and writer and add --force",
        )


def expired(lakehouse: str, table: Table, hours: int) -> list[str]:
    """Return the paths, relative to the table, of the files that a vacuum would delete."""
    found = tables.open_table(lakehouse, table)
    if found is None:
        return []
    old = _vacuum(found, hours)
    if not tables.is_local(lakehouse):
        return old
    root = Path(tables.uri(lakehouse, table))
    # Spark's checksums lie beside the files, and delta-rs takes them for files that no version needs.
    useless = {str(path.relative_to(root)) for path in _hidden(root, hours)}
    return sorted({path for path in old if not Path(path).name.startswith(".")} | useless)


def apply(lakehouse: str, table: Table, hours: int) -> Vacuumed:
    """Delete what ``expired`` names, under the table's lock; nothing to do is no commit."""
    if not expired(lakehouse, table, hours):
        return NOTHING
    with tables.writing(lakehouse, table):
        if tables.is_local(lakehouse):
            return _deleted([Path(tables.uri(lakehouse, table), path) for path in expired(lakehouse, table, hours)])
        gone = _vacuum(DeltaTable(tables.uri(lakehouse, table)), hours, dry_run=False)
        return Vacuumed(len(gone), _size_in_log(DeltaTable(tables.uri(lakehouse, table))) if gone else 0)


def clean_log(lakehouse: str, table: Table) -> None:
    """Delete entries of the log that the table's own retention no longer keeps, after a checkpoint where one is due.

    Writers do that too, every twentieth commit; this is for tables that are written less often. The last commit of each
    job, by which its progress is known, is in every checkpoint.
    """
    found = tables.open_table(lakehouse, table)
    if found is None:
        return
    with tables.writing(lakehouse, table):
        found.update_incremental()
        if tables.is_local(lakehouse) and found.version() - _checkpointed(lakehouse, table) >= _MOST_BEHIND:
            found.create_checkpoint()
        found.cleanup_metadata()


def log_files(lakehouse: str, table: Table) -> int | None:
    """Return how many files the log has; None on object storage."""
    return sum(1 for _ in _log(lakehouse, table).iterdir()) if tables.is_local(lakehouse) else None


def _vacuum(found: DeltaTable, hours: int, *, dry_run: bool = True) -> list[str]:
    """Return what the vacuum of a table deletes. A table that asks for more than a week gets it."""
    kept = max(hours, _own_hours(found)) if hours >= WEEK_HOURS else hours
    # Full: also what is in no log, once it is old enough. Less than a week has been forced by who may.
    return found.vacuum(kept, dry_run=dry_run, full=True, enforce_retention_duration=False)


def _own_hours(found: DeltaTable) -> int:
    text = found.metadata().configuration.get("delta.deletedFileRetentionDuration") or ""
    said = re.fullmatch(r"(?:interval )?(\d+) (hour|day|week)s?", text)
    return int(said[1]) * {"hour": 1, "day": 24, "week": WEEK_HOURS}[said[2]] if said else WEEK_HOURS


def _log(lakehouse: str, table: Table) -> Path:
    return Path(tables.uri(lakehouse, table), "_delta_log")


def _checkpointed(lakehouse: str, table: Table) -> int:
    try:
        return int(json.loads((_log(lakehouse, table) / "_last_checkpoint").read_text())["version"])
    except (FileNotFoundError, ValueError, KeyError):
        return -1


def _size_in_log(found: DeltaTable) -> int:
    """Return the size of what the vacuum just logged has deleted."""
    starts = (entry for entry in found.history(2) if entry["operation"] == "VACUUM START")
    return int(next(starts)["operationMetrics"]["sizeOfDataToDelete"])


def _deleted(paths: Sequence[Path]) -> Vacuumed:
    size = 0
    for path in paths:
        size += path.stat().st_size
        path.unlink()
    return Vacuumed(len(paths), size)


def _hidden(root: Path, hours: int) -> Iterator[Path]:
    """Yield checksums of files that are gone, and commits that were never finished, once they are old enough."""
    before = time.time() - hours * 3600
    for pattern in (".*.crc", ".*.tmp", "_commit_*.tmp"):
        for path in root.rglob(pattern):
            is_needed = path.suffix == ".crc" and path.with_name(path.name[1:].removesuffix(".crc")).exists()
            if not is_needed and path.stat().st_mtime < before:
                yield path
