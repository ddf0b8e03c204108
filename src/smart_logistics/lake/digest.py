"""What the partitions of a table say, kept beside the files of which they say it.

Files of a Delta table never change, so what was worked out from a partition's files holds for as long as it has just
these. A run reads the partitions that it finds changed, and of a year of others nothing. What is kept is no memory of
its own: lost, damaged or made for other files, it is worked out again.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from smart_logistics.contracts.model import Table
from smart_logistics.lake.tables import is_local, open_table

Said = Any
"""What a partition says, as JSON has it."""


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
    place = Path(lakehouse) / "_digests" / f"{table.full_name}.{say.__name__.strip('_')}.json"
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
    return {value: sha256("\n".join(sorted(of)).encode()).hexdigest()[:32] for value, of in paths.items()}


def _load(place: Path, columns: Sequence[str]) -> Mapping[str, list[Said]]:
    try:
        kept = json.loads(place.read_text("utf-8"))
        return kept["partitions"] if kept["columns"] == list(columns) else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}  # nothing kept, or something damaged: as good as nothing


def _store(place: Path, columns: Sequence[str], partitions: Mapping[str, list[Said]]) -> None:
    place.parent.mkdir(exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_text(json.dumps({"columns": list(columns), "partitions": partitions}), "utf-8")
    draft.replace(place)
