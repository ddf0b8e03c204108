"""What the partitions of a table say, or its files, kept beside the names of the files that say it.

Files of a Delta table never change, so what was worked out from a file, or from all of a partition, holds for as long
as these are the table's. A run reads what it finds changed, and of a year of others nothing. What is kept is no memory
of its own: lost, damaged or made for other files, it is worked out again.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake import scanning
from smart_logistics.lake.conditions import Where
from smart_logistics.lake.tables import is_local, open_table

Said = Any
"""What a partition or a file says, as JSON has it."""


def total(
    lakehouse: str, table: Table, found: DeltaTable, columns: Sequence[str], say: Callable[[pa.Table], int]
) -> int:
    """Return the sum of what ``say`` makes of ``columns`` of each file of an open table; see ``by_partition``."""
    files = _files(found)
    marks = {_print([file["path"]]): file for file in files}

    def work_out(stale: Sequence[str]) -> dict[str, int]:
        lie_in = [tuple(marks[mark][f"partition.{name}"] for mark in stale) for name in table.partitions]
        where: Where = [[(name, "in", values) for name, values in zip(table.partitions, lie_in, strict=True)]]
        there = scanning.scan(lakehouse, table, found, where).get_fragments()
        fragments = {_print([fragment.path]): fragment for fragment in there}
        return {mark: say(fragments[mark].to_table(columns=list(columns))) for mark in stale}

    keep = _Keep(lakehouse, table, columns, say)
    return sum(keep.said({mark: mark for mark in marks}, work_out).values())


def by_partition(
    lakehouse: str, table: Table, columns: Sequence[str], say: Callable[[pa.Table], Said]
) -> dict[Any, Said]:
    """Return what ``say`` makes of ``columns`` of each partition of a table that is partitioned by one column.

    ``say`` is a pure function; its name and ``columns`` tell what is kept of it from what is kept of others. Only on
    local storage anything is kept; elsewhere every partition is read.
    """
    found = open_table(lakehouse, table)
    if found is None:
        return {}
    (partition,) = table.partitions

    def work_out(stale: Sequence[Any]) -> dict[Any, Said]:
        read = scanning.rows(lakehouse, table, found, [[(partition, "in", stale)]], [*columns, partition])
        return {value: say(read.filter(pc.field(partition) == value)) for value in stale}

    return _Keep(lakehouse, table, columns, say).said(_prints(found, partition), work_out)


class _Keep:
    """What was worked out before, in a file: with each key the mark of the files that it was worked out from."""

    def __init__(self, lakehouse: str, table: Table, columns: Sequence[str], say: Callable[[pa.Table], Said]) -> None:
        name = f"{table.full_name}.{say.__name__.strip('_')}.json"
        self._place = Path(lakehouse) / "_digests" / name if is_local(lakehouse) else None
        self._columns = list(columns)

    def said(
        self, marks: Mapping[Any, str], work_out: Callable[[Sequence[Any]], Mapping[Any, Said]]
    ) -> dict[Any, Said]:
        """Return what each key of ``marks`` says, worked out only where its mark is another one than before."""
        kept = self._load()
        said = {key: kept[str(key)][1] for key, mark in marks.items() if kept.get(str(key), ("", None))[0] == mark}
        if stale := [key for key in marks if key not in said]:
            said |= work_out(stale)
        if stale or len(kept) != len(marks):
            self._store({str(key): (mark, said[key]) for key, mark in marks.items()})
        return said

    def _load(self) -> Mapping[str, tuple[str, Said]]:
        if self._place is None:
            return {}
        try:
            found = json.loads(self._place.read_text("utf-8"))
            kept = {key: (mark, said) for key, (mark, said) in found["kept"].items()}
            return kept if found["columns"] == self._columns else {}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # nothing kept, or something damaged: as good as nothing

    def _store(self, kept: Mapping[str, tuple[str, Said]]) -> None:
        if self._place is None:
            return
        self._place.parent.mkdir(exist_ok=True)
        draft = self._place.with_name(f".{self._place.name}.{os.getpid()}")
        draft.write_text(json.dumps({"columns": self._columns, "kept": kept}), "utf-8")
        draft.replace(self._place)


def _prints(found: DeltaTable, partition: str) -> dict[Any, str]:
    """Return a fingerprint of the files of each partition, by its value."""
    paths: dict[Any, list[str]] = defaultdict(list)
    for file in _files(found):
        paths[file[f"partition.{partition}"]].append(file["path"])
    return {value: _print(of) for value, of in paths.items()}


def _files(found: DeltaTable) -> list[dict[str, Any]]:
    """Return the path of each file and its ``partition.<column>``."""
    files = pa.table(found.get_add_actions(flatten=True))
    told = [name for name in files.column_names if name == "path" or name.startswith("partition.")]
    rows: list[dict[str, Any]] = files.select(told).to_pylist()
    return rows


def _print(paths: Iterable[str]) -> str:
    return sha256("\n".join(sorted(paths)).encode()).hexdigest()[:32]
