"""What the lakehouse and the folders hold of a letter's record: in Silver already, or on its way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from smart_logistics.contracts.bronze import EXTRACTED, IOT_TELEMETRY, PROCESSED_FILES_LOG, SOURCE_DELETES
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.silver import BY_SOURCE
from smart_logistics.contracts.silver import IOT_TELEMETRY as READINGS
from smart_logistics.contracts.source import BY_NAME, SourceTable
from smart_logistics.deadletters import lineage
from smart_logistics.deadletters.preview import Reading
from smart_logistics.lake.tables import dataset
from smart_logistics.sources.claim import MANIFEST
from smart_logistics.sources.landing import Folders, batch_folders
from smart_logistics.sources.verdict import LOADED


def _some(lakehouse: str, table: Table, condition: pc.Expression) -> bool:
    found = dataset(lakehouse, table)
    return found is not None and found.head(1, filter=condition).num_rows > 0


def reading(lakehouse: str, key: Reading) -> bool:
    """Return whether Silver holds a reading of this truck and instant."""
    same = (pc.field("truck_id") == key.truck_id) & (pc.field("event_ts") == key.event_ts)
    return _some(lakehouse, READINGS, same & (pc.field("reading_date") == key.event_ts.date()))


def parent(lakehouse: str, table: str, key: Any) -> bool:
    """Return whether a row's parent is in Silver, deleted or not."""
    return _some(lakehouse, BY_SOURCE[table], pc.field(BY_NAME[table].key) == key)


def version(lakehouse: str, table: str, key: Any, ingested_at: datetime | None) -> bool:
    """Return whether Silver shows just this version of a row."""
    same = (pc.field(BY_NAME[table].key) == key) & (pc.field("_ingested_at") == ingested_at)
    return _some(lakehouse, BY_SOURCE[table], same)


def typed_key(source: SourceTable, text: str) -> Any:
    """Return a letter's key in the type of its column."""
    is_text = next(column.type for column in source.columns if column.name == source.key) == "string"
    return text if is_text else int(text)


def newer_runs(lakehouse: str, source: SourceTable, key: Any, ingested_at: datetime | None) -> list[str]:
    """Return the run ids of the versions of a row that Bronze took after ``ingested_at``."""
    found = dataset(lakehouse, EXTRACTED[source.name])
    if found is None:
        return []
    condition = pc.field(source.key) == key
    if ingested_at is not None:
        condition &= (pc.field("_ingested_at") > ingested_at) & (pc.field("_ingestion_date") >= ingested_at.date())
    rows = found.to_table(columns=["_run_id"], filter=condition)
    return [str(run) for run in rows["_run_id"].to_pylist()]


def is_gone(lakehouse: str, source: SourceTable, key_text: str, ingested_at: datetime | None) -> bool:
    """Return whether the row was found gone from the source since."""
    condition = (pc.field("source_table") == source.name) & (pc.field("source_key") == key_text)
    if ingested_at is not None:
        condition &= pc.field("_ingested_at") > ingested_at
    return _some(lakehouse, SOURCE_DELETES, condition)


def files_on_their_way(lakehouse: str, folders: Folders) -> dict[str, str]:
    """Return where the file of each letter is that was sent again: landing, being taken, or taken.

    Exact only while the lock of the folders is held. A file that FAILED or was a DUPLICATE gave no record and is none.
    """
    places = [
        *((name, "is in Bronze") for name in _taken(lakehouse)),
        *((name, "is being taken") for name in _claimed(folders)),
        *((name, "waits in the landing folder") for name in _names(folders)),
    ]
    known = ((lineage.letter_of_file(name), name, place) for name, place in places)
    return {letter: f"{name} {place}" for letter, name, place in known if letter is not None}


def _taken(lakehouse: str) -> list[str]:
    log = dataset(lakehouse, PROCESSED_FILES_LOG)
    if log is None:
        return []
    condition = (pc.field("status") == LOADED) & pc.match_substring(pc.field("file_name"), lineage.FILE_MARK)
    rows = log.to_table(columns=["file_name"], filter=condition)
    return [str(name) for name in rows["file_name"].to_pylist()]


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
    found = dataset(lakehouse, IOT_TELEMETRY)
    if found is None:
        return []
    condition = (pc.field("_ingested_at") > ingested_at) & pc.match_substring(
        pc.field("source_file"), lineage.FILE_MARK
    )
    rows = found.to_table(columns=["source_file"], filter=condition)
    letters = (lineage.letter_of_file(name) for name in rows["source_file"].to_pylist())
    return sorted({letter for letter in letters if letter is not None})
