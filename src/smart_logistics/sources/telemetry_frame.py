"""Claimed telemetry files as rows, in Arrow batches: few are parsed in this process, many on the executors.

Spark is never given a path: each task opens its files itself, under their safe names, so the batch's folder must be
seen at the same path by driver and executors. Small files are bundled, so that ten thousand of them are a few tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from smart_logistics.sources.content import FileContent
from smart_logistics.sources.telemetry import Fields, fields
from smart_logistics.sources.telemetry_file import FileRecords

# Parsed columns of a record or, where ``malformed`` says why, of a dead letter; where ``found`` is set, of a file,
# whose raw texts have ``characters`` in all.
DDL = (
    "file_no int, position bigint, truck_id string, timestamp string, event_ts timestamp, temperature double,"
    "latitude double, longitude double, schema_error string, reading_date date, raw_payload string,"
    "source_file string, record_id string, malformed string, found bigint, rejected bigint, error string,"
    "characters bigint"
)
_ARROW = pa.schema(
    [
        ("file_no", pa.int32()),
        ("position", pa.int64()),
        ("truck_id", pa.string()),
        ("timestamp", pa.string()),
        ("event_ts", pa.timestamp("us", tz="UTC")),
        ("temperature", pa.float64()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("schema_error", pa.string()),
        ("reading_date", pa.date32()),
        ("raw_payload", pa.string()),
        ("source_file", pa.string()),
        ("record_id", pa.string()),
        ("malformed", pa.string()),
        ("found", pa.int64()),
        ("rejected", pa.int64()),
        ("error", pa.string()),
        ("characters", pa.int64()),
    ]
)
_NOTHING = Fields(None, None, None, None, None, None, None, None)
_BATCH_ROWS = 10_000
_BATCH_CHARACTERS = 4 * 2**20
_BUNDLE_BYTES = 32 * 2**20
# Opening a file costs about as much as parsing this much of one.
_OPEN_COST_BYTES = 2**14


class FileToParse(NamedTuple):
    """A claimed file: its number in the batch, where it lies, the name it came under, and the bytes it must hold."""

    number: int
    path: str
    name: str
    zipped: bool
    size: int
    md5: str


def bundles(files: Sequence[FileToParse]) -> list[list[FileToParse]]:
    """Group files, in their order, into tasks of about equal work; a big file is a task of its own."""
    result: list[list[FileToParse]] = []
    room = 0
    for file in files:
        cost = file.size + _OPEN_COST_BYTES
        if not result or cost > room:
            result.append([])
            room = _BUNDLE_BYTES
        result[-1].append(file)
        room -= cost
    return result


def parsed(spark: SparkSession, files: Sequence[FileToParse]) -> DataFrame:
    """Return the rows of DDL: records and dead letters of the files that are not FAILED, and one row for each file."""
    # Every task is sent all of this, so it must be quick to unpack: texts, of which a task reads its own.
    tasks = [json.dumps(bundle) for bundle in bundles(files)]

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from _batches([FileToParse(*file) for file in json.loads(tasks[number])])

    return spark.range(0, len(tasks), 1, max(1, len(tasks))).mapInArrow(parse, DDL)


def at_hand(files: Sequence[FileToParse], most_bytes: int) -> pa.Table | None:
    """Return what ``parsed`` would, parsed by this process; None where that is more than ``most_bytes`` of rows."""
    batches, room = list[pa.RecordBatch](), most_bytes
    for batch in _batches(files):
        room -= batch.nbytes
        if room < 0:
            return None
        batches.append(batch)
    return pa.Table.from_batches(batches, _ARROW)


def record_id(checksum: str, position: int) -> str:
    """Return the identity of a dead letter: of these bytes, at this place, whatever the file is called."""
    return sha256(f"iot_telemetry\x1f{checksum}\x1f{position}".encode()).hexdigest()


def _batches(files: Sequence[FileToParse]) -> Iterator[pa.RecordBatch]:
    rows: list[tuple[Any, ...]] = []
    room = _BATCH_CHARACTERS
    for row in _rows(files):
        rows.append(row)
        room -= len(row[10] or "")
        if room < 0 or len(rows) == _BATCH_ROWS:
            yield _arrow(rows)
            rows, room = [], _BATCH_CHARACTERS
    if rows:
        yield _arrow(rows)


def _arrow(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = [pa.array(values, type=field.type) for values, field in zip(zip(*rows, strict=True), _ARROW, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=_ARROW)


def _rows(files: Sequence[FileToParse]) -> Iterator[tuple[Any, ...]]:
    for file in files:
        records, characters = FileRecords(_opener(file)), 0
        for position, (text, value, malformed) in records:
            columns = _NOTHING if value is None else fields(value)
            identity = None if malformed is None else record_id(file.md5, position)
            characters += len(text)
            yield (file.number, position, *columns, text, file.name, identity, malformed, None, None, None, None)
        counts = (records.found, records.rejected, records.error, characters)
        yield (file.number, None, *_NOTHING, None, file.name, None, None, *counts)


def _opener(file: FileToParse) -> Callable[[], FileContent]:
    return partial(FileContent, Path(file.path), file.size, file.md5, zipped=file.zipped)
