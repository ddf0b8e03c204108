"""Many small files of a partition become few, with rows that are looked up together side by side. No row changes.

A run appends to some twenty tables, so a day leaves dozens of small files, and every reader opens all of them. What is
done follows from what is new: a partition with one small file at most is left alone.

It is done by delta-rs, without a JVM, in commits that say that no data changed: who follows a table's changes sees
nothing, and the progress of jobs (``tables``) stays where it was. Each partition is a commit of its own under the
table's lock, so the pipeline waits for one partition at most. Files that are replaced stay for those who read them
until ``vacuum`` finds them a week old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake import tables
from smart_logistics.lake.state import SMALL_BYTES

TARGET_BYTES = 128 * 1024 * 1024
# Sorting holds a partition in memory, about six times its size; joining files streams.
MOST_SORTED_BYTES = TARGET_BYTES


@dataclass(frozen=True)
class Step:
    """A partition with small files to be joined: its values as delta-rs filters them, and whether it is sorted too."""

    partition: tuple[tuple[str, str], ...]
    files: int
    sort: bool


def plan(table: Table, files: pa.Table) -> list[Step]:
    """Return what there is to do in a table of ``files`` (flattened add actions), partition by partition."""
    sizes: dict[tuple[str, ...], list[int]] = {}
    columns = [[_as_text(value) for value in files[f"partition.{name}"].to_pylist()] for name in table.partitions]
    places = zip(*columns, strict=True) if columns else [()] * len(files)
    for place, size in zip(places, files["size_bytes"].to_pylist() if len(files) else [], strict=True):
        sizes.setdefault(place, []).append(size)
    return [
        Step(
            tuple(zip(table.partitions, place, strict=True)),
            len(found),
            sort=bool(table.clustered_by) and sum(found) <= MOST_SORTED_BYTES,
        )
        for place, found in sorted(sizes.items())
        if sum(size < SMALL_BYTES for size in found) > 1
    ]


def steps(lakehouse: str, table: Table) -> list[Step]:
    """Return what there is to do in a table as it is now; nothing where it is not there."""
    found = tables.open_table(lakehouse, table)
    return [] if found is None else plan(table, pa.table(found.get_add_actions(flatten=True)))


def apply(lakehouse: str, table: Table, step: Step, *, target_bytes: int = TARGET_BYTES) -> int:
    """Do one step under the table's lock and return how many files were replaced. Nothing to do is no commit."""
    with tables.writing(lakehouse, table):
        found = DeltaTable(tables.uri(lakehouse, table))
        before = {*found.file_uris()}
        where = [(name, "=", value) for name, value in step.partition] or None
        if step.sort:
            found.optimize.z_order(list(table.clustered_by), partition_filters=where, target_size=target_bytes)
        else:
            found.optimize.compact(partition_filters=where, target_size=target_bytes)
    return len(before - {*found.file_uris()})


def _as_text(value: Any) -> str:
    # A null partition is filtered by the empty text, which no partition's value can be.
    return "" if value is None else str(value)
