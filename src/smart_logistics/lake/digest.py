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
from smart_logistics.lake.tables import is_local, open_table

Said = Any
"""What a partition or a file says, as JSON has it."""


def total(lakehouse: str, table: Table, dataset: Any, columns: Sequence[str], say: Callable[[pa.Table], int]) -> int:
    """Return the sum of what ``say`` makes of ``columns`` of each file of a table's dataset; see ``by_partition``."""
    fragments = {_print([fragment.path]): fragment for fragment in dataset.get_fragments()}
    place = _place(lakehouse, table, say)
    kept = _load(place, columns) if is_local(lakehouse) else {}
    new = {mark: say(of.to_table(columns=list(columns))) for mark, of in fragments.items() if mark not in kept}
    said = {mark: kept[mark] for mark in fragments if mark in kept} | new
    if is_local(lakehouse) and (new or len(kept) != len(said)):
        _store(place, columns, said)
    return sum(said.values())


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
    prints = _prints(found, partition)
    place = _place(lakehouse, table, say)
    kept = _load(place, columns) if is_local(lakehouse) else {}
    said = {value: kept[str(value)][1] for value, mark in prints.items() if kept.get(str(value), [""])[0] == mark}
    stale = [value for value in prints if value not in said]
    if stale:
        type_ = pa.schema(found.schema().to_arrow()).field(partition).type
        rows = found.to_pyarrow_dataset().to_table(
            columns=[*columns, partition], filter=pc.field(partition).isin(pa.array(stale, type_))
        )
        for value in stale:
            said[value] = say(rows.filter(pc.equal(rows[partition], pa.scalar(value, type_))))
    if is_local(lakehouse) and (stale or len(kept) != len(prints)):
        _store(place, columns, {str(value): [mark, said[value]] for value, mark in prints.items()})
    return said


def _prints(found: DeltaTable, partition: str) -> dict[Any, str]:
    """Return a fingerprint of the files of each partition, by its value."""
    actions = pa.table(found.get_add_actions(flatten=True))
    paths: dict[Any, list[str]] = defaultdict(list)
    if len(actions):
        for value, path in zip(actions[f"partition.{partition}"].to_pylist(), actions["path"].to_pylist(), strict=True):
            paths[value].append(path)
    return {value: _print(of) for value, of in paths.items()}


def _print(paths: Iterable[str]) -> str:
    return sha256("\n".join(sorted(paths)).encode()).hexdigest()[:32]


def _place(lakehouse: str, table: Table, say: Callable[[pa.Table], Said]) -> Path:
    return Path(lakehouse) / "_digests" / f"{table.full_name}.{say.__name__.strip('_')}.json"


def _load(place: Path, columns: Sequence[str]) -> Mapping[str, Any]:
    try:
        found = json.loads(place.read_text("utf-8"))
        return found["kept"] if found["columns"] == list(columns) else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}  # nothing kept, or something damaged: as good as nothing


def _store(place: Path, columns: Sequence[str], kept: Mapping[str, Any]) -> None:
    place.parent.mkdir(exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_text(json.dumps({"columns": list(columns), "kept": kept}), "utf-8")
    draft.replace(place)
