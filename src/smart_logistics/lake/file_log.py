"""The log of processed files, read and written without a JVM. It is the memory by which duplicates are found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow.compute as pc

from smart_logistics.contracts.bronze import PROCESSED_FILES_LOG
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import append_rows, open_table

_COLUMNS = ["checksum_md5", "file_size_bytes", "file_name"]


def loaded_before(lakehouse: str, checksums: Collection[str]) -> dict[tuple[str, int], str]:
    """Return the (MD5, size) of contents of ``checksums`` that were LOADED, and the name under which each came.

    Reads three columns of the log, row group by row group; what is held grows with ``checksums``, not with history.
    """
    log = open_table(lakehouse, PROCESSED_FILES_LOG) if checksums else None
    if log is None:
        return {}
    wanted = (pc.field("status") == "LOADED") & pc.field("checksum_md5").isin(list(checksums))
    found = scan(lakehouse, PROCESSED_FILES_LOG, log).to_table(columns=_COLUMNS, filter=wanted)
    return {(row["checksum_md5"], row["file_size_bytes"]): row["file_name"] for row in found.to_pylist()}


def append(lake: Lake, rows: list[dict[str, Any]], stamp: int) -> None:
    """Log a batch and this job's progress in one commit. The caller knows that it is not there yet."""
    with lake.writing(PROCESSED_FILES_LOG):
        append_rows(lake.root, PROCESSED_FILES_LOG, rows, app=lake.job, stamp=stamp)
