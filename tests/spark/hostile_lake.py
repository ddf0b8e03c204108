"""Hostile sources of the oracle, put into Bronze as its jobs would put them there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import BY_NAME
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from tests.oracle import TakenFile, differences
from tests.oracle.compare import REJECTED
from tests.oracle.expect import Expected, expect
from tests.oracle.files import LoggedFile, Record, take
from tests.oracle.hostile_data import Wave, hostile_waves, source_of
from tests.oracle.load import Lakehouse
from tests.oracle.model import Row
from tests.oracle.readings import instant

# Stamps never go back: batches of a far future are later than this machine's clock, whatever it says.
_AHEAD = timedelta(days=80 * 365)
_TEXTS, _NUMBERS = ("truck_id", "timestamp"), ("temperature", "latitude", "longitude")
_BRONZE_ONLY = frozenset({"bronze.processed_files_log", "bronze.iot_telemetry"})


def waves(seed: int, count: int, **options: Any) -> list[Wave]:
    """Return hostile waves whose moments are later than now."""
    return [ahead(wave) for wave in hostile_waves(seed, count, **options)]


def ahead(wave: Wave) -> Wave:
    """Return a wave at a moment later than now."""
    return replace(wave, at=wave.at + _AHEAD)


def stamp_of(moment: datetime) -> int:
    """Return an instant as a batch stamp."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class Bronze:
    """Bronze of one lake, filled wave by wave. Files are taken once: what came before decides what is a duplicate."""

    def __init__(self, lake: Lake, everything: Sequence[Wave]) -> None:
        self.root = lake.root
        files = [TakenFile(name, data, wave.at) for wave in everything for name, data in wave.files]
        self._log = take(sorted(files, key=lambda file: (file.taken_at, file.name.encode())))

    def add(self, wave: Wave) -> None:
        """Append one extraction and one ingestion."""
        lineage = {"_ingested_at": wave.at, "_run_id": "r"}
        day = {"_ingestion_date": wave.at.date()}
        for table, rows in wave.rows.items():
            filled = [_bronze_row(table, row) | lineage | day for row in rows]
            if filled:
                self._append(bronze.EXTRACTED[table], filled, "bronze_ingest_sql", wave.at)
        gone = [
            {"source_table": table, "source_key": str(key)} | lineage | day
            for table, keys in wave.deleted.items()
            for key in keys
        ]
        if gone:
            self._append(bronze.SOURCE_DELETES, gone, "bronze_ingest_sql", wave.at)
        records = [row | lineage for row in _records(file for file in self._log if file.taken_at == wave.at)]
        if records:
            self._append(bronze.IOT_TELEMETRY, records, "bronze_ingest_iot", wave.at)

    def _append(self, table: Any, rows: list[Row], app: str, at: datetime) -> None:
        tables.append_rows(self.root, table, rows, app=app, stamp=stamp_of(at))


def expected(everything: Iterable[Wave], *, every_batch_was_judged: bool) -> Expected:
    """Return what Silver, Gold and Silver's part of the dead letter must hold."""
    found = expect(source_of(everything), every_batch_was_judged=every_batch_was_judged)
    return Expected(
        {name: rows for name, rows in found.tables.items() if name not in _BRONZE_ONLY},
        [letter for letter in found.dead_letters if letter.layer == "silver"],
    )


def faults(lake: Lake, wanted: Expected, *, noticed_moments: bool) -> list[str]:
    """Return the differences between a lake and what it must hold."""
    lakehouse = Lakehouse(Path(lake.root))
    return differences(wanted, lakehouse.read, [*wanted.tables, REJECTED], noticed_moments=noticed_moments)


def _bronze_row(table: str, row: Row) -> Row:
    types = {column.name: column.type for column in BY_NAME[table].columns}
    rescued = {name: str(value) for name, value in row.items() if _is_rescued(types[name], value)}
    kept = {name: None if name in rescued else row.get(name) for name in types}
    return kept | {"_rescued_data": json.dumps(rescued) if rescued else None}


def _is_rescued(kind: str, value: Any) -> bool:
    if isinstance(value, Decimal):
        return not value.is_finite()
    return kind == "timestamp" and isinstance(value, str)


def _records(log: Iterable[LoggedFile]) -> Iterable[Row]:
    for file in log:
        for record in file.records:
            if record.value is not None:
                yield _parsed(record, record.value) | {"source_file": file.name}


def _parsed(record: Record, value: dict[str, Any]) -> Row:
    found: Row = {}
    errors = []
    for name in (*_TEXTS, *_NUMBERS):
        given = value.get(name)
        if isinstance(given, str) and not given.strip():
            given = None
        if given is not None and not (_is_text(given) if name in _TEXTS else _is_number(given)):
            errors.append(f"{name} has the wrong type")
            given = None
        found[name] = given
    moment = None if found["timestamp"] is None else instant(found["timestamp"])
    if found["timestamp"] is not None and moment is None:
        errors.append("timestamp cannot be read")
    return found | {
        "event_ts": moment,
        "schema_error": "; ".join(errors) or None,
        "position": record.position,
        "raw_payload": record.text,
        "reading_date": None if moment is None else moment.date(),
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
