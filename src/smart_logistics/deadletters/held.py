"""What the lakehouse and the folders hold of a letter's record: in Silver already, or on its way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.bronze import EXTRACTED, IOT_TELEMETRY, PROCESSED_FILES_LOG, SOURCE_DELETES
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.silver import BY_SOURCE
from smart_logistics.contracts.silver import IOT_TELEMETRY as READINGS
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.deadletters import lineage
from smart_logistics.deadletters.preview import Reading
from smart_logistics.lake import scanning
from smart_logistics.lake.conditions import Condition, expression
from smart_logistics.lake.tables import open_table
from smart_logistics.sources.claim import MANIFEST
from smart_logistics.sources.landing import Folders, batch_folders
from smart_logistics.sources.verdict import LOADED

_LOADED: Condition = ("status", "=", LOADED)


def _rows(lakehouse: str, table: Table, conditions: Sequence[Condition], columns: Sequence[str]) -> pa.Table:
    found = open_table(lakehouse, table)
    if found is None:
        return pa.table({name: [] for name in columns})
    return scanning.rows(lakehouse, table, found, [conditions], columns)


def _some(lakehouse: str, table: Table, conditions: Sequence[Condition]) -> bool:
    return len(_rows(lakehouse, table, conditions, table.key[:1])) > 0


def _corrections(lakehouse: str, table: Table, condition: Condition, column: str) -> Iterator[str]:
    """Yield the names of files with a correction; of a whole day's rows no others are held."""
    found = open_table(lakehouse, table)
    if found is not None:
        where = [[condition]]
        wanted = expression(where) & pc.match_substring(pc.field(column), lineage.FILE_MARK)
        rows = scanning.scan(lakehouse, table, found, where).to_table(columns=[column], filter=wanted)
        yield from rows[column].to_pylist()


def reading(lakehouse: str, key: Reading) -> bool:
    """Return whether Silver holds a reading of this truck and instant."""
    same: list[Condition] = [("truck_id", "=", key.truck_id), ("event_ts", "=", key.event_ts)]
    return _some(lakehouse, READINGS, [*same, ("reading_date", "=", key.event_ts.date())])


def parent(lakehouse: str, table: str, key: Any) -> bool:
    """Return whether a row's parent is in Silver, deleted or not."""
    return _some(lakehouse, BY_SOURCE[table], [(BY_NAME[table].key, "=", key)])


def version(lakehouse: str, table: str, key: Any, ingested_at: datetime | None) -> bool:
    """Return whether Silver shows just this version of a row."""
    return _some(lakehouse, BY_SOURCE[table], [(BY_NAME[table].key, "=", key), ("_ingested_at", "=", ingested_at)])


def typed_key(source: SourceTable, text: str) -> Any:
    """Return a letter's key in the type of its column."""
    is_text = next(column.type for column in source.columns if column.name == source.key) == "string"
    return text if is_text else int(text)


def newer_runs(lakehouse: str, source: SourceTable, key: Any, ingested_at: datetime | None) -> list[str]:
    """Return the run ids of the versions of a row that Bronze took after ``ingested_at``."""
    conditions: list[Condition] = [(source.key, "=", key)]
    if ingested_at is not None:
        conditions += [("_ingested_at", ">", ingested_at), ("_ingestion_date", ">=", ingested_at.date())]
    rows = _rows(lakehouse, EXTRACTED[source.name], conditions, ["_run_id"])
    return [str(run) for run in rows["_run_id"].to_pylist()]


def is_gone(lakehouse: str, source: SourceTable, key_text: str, ingested_at: datetime | None) -> bool:
    """Return whether the row was found gone from the source since."""
    conditions: list[Condition] = [("source_table", "=", source.name), ("source_key", "=", key_text)]
    if ingested_at is not None:
        conditions.append(("_ingested_at", ">", ingested_at))
    return _some(lakehouse, SOURCE_DELETES, conditions)


def files_on_their_way(lakehouse: str, folders: Folders) -> dict[str, str]:
    """Return where the file of each letter is that was sent again: landing, being taken, or taken.

    Exact only while the lock of the folders is held. A file that FAILED or was a DUPLICATE gave no record and is none.
    """
    places = [
        *((name, "is in Bronze") for name in _corrections(lakehouse, PROCESSED_FILES_LOG, _LOADED, "file_name")),
        *((name, "is being taken") for name in _claimed(folders)),
        *((name, "waits in the landing folder") for name in _names(folders)),
    ]
    known = ((lineage.letter_of_file(name), name, place) for name, place in places)
    return {letter: f"{name} {place}" for letter, name, place in known if letter is not None}


def _claimed(folders: Folders) -> Iterator[str]:
    for folder in batch_folders(folders):
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            continue  # the crash came before its first file was claimed
        yield from (file["name"] for file in manifest["files"] if os.path.lexists(folder / file["safe"]))


def _names(folders: Folders) -> list[str]:
    try:
        return [path.name for path in folders.landing.iterdir()]
    except FileNotFoundError:
        return []


def corrected_since(lakehouse: str, ingested_at: datetime) -> list[str]:
    """Return the letters whose corrected record came into Bronze after ``ingested_at``.

    Bronze is asked, not the log of files: after a crash the log may lack what Silver is about to take.
    """
    names = _corrections(lakehouse, IOT_TELEMETRY, ("_ingested_at", ">", ingested_at), "source_file")
    return sorted({letter for letter in map(lineage.letter_of_file, names) if letter is not None})
