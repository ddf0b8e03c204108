"""Delta tables for Arrow to scan, of the files alone that may hold what is asked for.

delta-rs makes a dataset in a time that grows with its files, not with what is read of it: of the 365 days of a year it
takes longer than all else that a question takes. Which files to leave out their statistics say in no time, and to the
microsecond: where they cut the greatest instant, delta-rs allows for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake.conditions import ALL, Where, expression, leaves_nothing, pruning
from smart_logistics.lake.tables import is_local, open_table, uri


def scan(lakehouse: str, table: Table, found: DeltaTable, where: Where = ALL) -> Any:
    """Return an open table for Arrow to scan, without the files that hold nothing of ``where``.

    Local files are read by Arrow itself: through delta-rs's Python file system a scan's last thread may still call
    Python while the process ends, which then aborts (3 of 40 commands that ended at once did).
    """
    if leaves_nothing(where):
        return ds.dataset(pa.schema(found.schema().to_arrow()).empty_table())
    local = fs.SubTreeFileSystem(uri(lakehouse, table), fs.LocalFileSystem()) if is_local(lakehouse) else None
    return found.to_pyarrow_dataset(filesystem=local, file_pruning_predicate=pruning(where))


def dataset(lakehouse: str, table: Table) -> Any:
    """Return the whole table for Arrow to scan, or None where it does not exist."""
    found = open_table(lakehouse, table)
    return None if found is None else scan(lakehouse, table, found)


def rows(
    lakehouse: str, table: Table, found: DeltaTable, where: Where, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return ``columns`` of the rows that ``where`` leaves in an open table, all columns where none are named."""
    scanned = scan(lakehouse, table, found, where)
    return scanned.to_table(columns=None if columns is None else list(columns), filter=expression(where))
