"""Read the source of truth of a real lakehouse: row versions from Bronze, files from archive/ and failed/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from tests.oracle.model import Deletion, Row, Source, TakenFile, Version
from tests.oracle.source_tables import TABLES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SourceIncompleteError(Exception):
    """A file that was logged lies nowhere any more, so that nothing can be recomputed from it."""


@dataclass(frozen=True)
class Lakehouse:
    """Delta tables at ``<root>/<layer>/<table>``, read by scanning: metadata may lie."""

    root: Path

    def read(self, table: str) -> list[Row]:
        """Return every row of ``layer.table``; none where the table does not exist. Instants are in UTC."""
        layer, name = table.split(".")
        try:
            found = DeltaTable(str(self.root / layer / name))
        except TableNotFoundError:
            return []
        return [dict(row) for row in found.to_pyarrow_table().to_pylist()]


def source_of(lakehouse: Lakehouse, archive_parent: Path) -> Source:
    """Return the row versions, deletions and files behind a lakehouse. ``archive_parent`` holds archive/ and failed/.

    Raises:
        SourceIncompleteError: a logged file is in neither folder.
    """
    versions = [version for table in TABLES for version in _versions(lakehouse, table.name)]
    deletions = [
        Deletion(row["source_table"], row["source_key"], row["_ingested_at"])
        for row in lakehouse.read("bronze.source_deletes")
    ]
    return Source(versions, deletions, list(_files(lakehouse, archive_parent)))


def _versions(lakehouse: Lakehouse, table: str) -> Iterator[Version]:
    # Within one extraction a key has one version; where the source has it twice, updated_at and the values decide.
    rows = lakehouse.read(f"bronze.{table}")
    rows.sort(key=lambda row: (row["_ingested_at"], row.get("updated_at") or _EPOCH, repr(sorted(row.items()))))
    for row in rows:
        rescued = json.loads(row.get("_rescued_data") or "{}")
        yield Version(table, row, row["_ingested_at"], frozenset(rescued))


def _files(lakehouse: Lakehouse, archive_parent: Path) -> Iterator[TakenFile]:
    kept = {digest: path for folder in ("archive", "failed") for digest, path in _by_digest(archive_parent / folder)}
    for row in lakehouse.read("bronze.processed_files_log"):
        path = kept.get(row["checksum_md5"])
        if path is None:
            what = f"{row['file_name']} ({row['status']}, MD5 {row['checksum_md5']})"
            raise SourceIncompleteError(f"{what} is neither in archive/ nor in failed/ of {archive_parent}")
        yield TakenFile(row["file_name"], path.read_bytes(), row["processed_at"])


def misplaced(lakehouse: Lakehouse, archive_parent: Path) -> list[str]:
    """Return which files are not where their status says: FAILED in failed/, others in archive/YYYY/MM/DD/."""
    places = {
        folder: {
            digest for digest, path in _by_digest(archive_parent / folder) if folder == "failed" or _is_by_day(path)
        }
        for folder in ("archive", "failed")
    }
    return [
        f"{row['file_name']}: {row['status']}, but not in {folder}/"
        for row in lakehouse.read("bronze.processed_files_log")
        if row["checksum_md5"] not in places[folder := "failed" if row["status"] == "FAILED" else "archive"]
    ]


def _by_digest(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path


def _is_by_day(path: Path) -> bool:
    return re.fullmatch(r"[0-9]{4}/[0-9]{2}/[0-9]{2}", "/".join(path.parts[-4:-1])) is not None
