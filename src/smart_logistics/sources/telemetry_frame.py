"""Claimed telemetry files as rows, in Arrow batches: few are parsed in this process, many on the executors.

Lines of a plain form are read in vectors (``plain_lines``), everything else record by record; the rows are the same.

Spark is never given a path: each task opens its files itself, under their safe names, so the batch's folder must be
seen at the same path by driver and executors. Small files are bundled, so that ten thousand of them are a few tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from smart_logistics.sources import plain_lines
from smart_logistics.sources.content import FileContent
from smart_logistics.sources.pieces import Piece, record
from smart_logistics.sources.raw import MAX_RECORD_BYTES, is_blank, is_utf8
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
_RAW_PAYLOAD, _MALFORMED = _ARROW.get_field_index("raw_payload"), _ARROW.get_field_index("malformed")
_NOTHING = Fields(None, None, None, None, None, None, None, None)
_BATCH_ROWS = 10_000
_BATCH_CHARACTERS = 4 * 2**20
_BUNDLE_BYTES = 32 * 2**20
# Opening a file costs about as much as parsing this much of one.
_OPEN_COST_BYTES = 2**14
# Vectors are worth their own cost from some two hundred records on. What is read in them is in memory as a whole, and
# not one line of it is too long for a record.
_VECTORS_FROM_BYTES, _VECTORS_TO_BYTES = 2**15, MAX_RECORD_BYTES


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
    one_by_one: list[FileToParse] = []
    for file in files:
        batches = _in_vectors(file)
        if batches is None:
            one_by_one.append(file)
        else:
            yield from batches
    yield from _bundled(_rows(one_by_one))


class _Part(NamedTuple):
    """Some lines of a file: the plain ones, and the rows of the others."""

    plain: pa.RecordBatch
    others: list[tuple[Any, ...]]


def _in_vectors(file: FileToParse) -> Iterator[pa.RecordBatch] | None:
    """Return a file's rows where they can be read in vectors; None where it is for ``FileRecords`` to read."""
    if not _VECTORS_FROM_BYTES <= file.size <= _VECTORS_TO_BYTES:
        return None
    content = _opener(file)()
    chunks = iter(content)
    begun = next(chunks, b"")
    wanted = plain_lines.pattern(begun.lstrip().partition(b"\n")[0])
    if wanted is None:
        return None  # the rest of the file is not looked at
    lines = _lines(chain((begun,), chunks), content)
    if not lines:
        return None
    parts = (_part(file, lines, start, wanted) for start in range(0, len(lines), _BATCH_ROWS))
    first = next(parts)
    if len(first.plain) < len(first.others):
        return None  # hardly plain, or a file without one readable record, which has failed
    return _told(file, len(lines), chain((first,), parts))


def _part(file: FileToParse, lines: Sequence[bytes], start: int, wanted: str) -> _Part:
    part = pa.array(lines[start : start + _BATCH_ROWS], pa.binary())
    is_plain, columns = plain_lines.columns(part, wanted)
    positions = pa.array(range(start + 1, start + 1 + len(part)), pa.int64())
    left = pc.indices_nonzero(pc.invert(is_plain)).to_pylist()
    others = [_row(file, start + n + 1, record(lines[start + n])) for n in left]
    return _Part(_filled(file, columns | {"position": positions.filter(is_plain)}), others)


def _told(file: FileToParse, found: int, parts: Iterable[_Part]) -> Iterator[pa.RecordBatch]:
    rejected = characters = 0
    for plain, others in parts:
        yield plain
        yield from _bundled(iter(others))
        rejected += sum(row[_MALFORMED] is not None for row in others)
        characters += sum(len(row[_RAW_PAYLOAD]) for row in others)
        characters += pc.sum(pc.utf8_length(plain["raw_payload"])).as_py() or 0
    yield _arrow([_of_file(file, found, rejected, None, characters)])


def _lines(chunks: Iterable[bytes], content: FileContent) -> list[bytes]:
    """Return the lines of ``content``, of which these are the chunks, that are not blank, without their ends.

    None where it is damaged, large, not UTF-8, or of lines that are too short to be plain.
    """
    read = bytearray()
    for chunk in chunks:
        read += chunk
        if len(read) > _VECTORS_TO_BYTES:
            return []
    data = bytes(read)
    if content.damage or data.count(b"\n") * plain_lines.LEAST_BYTES > len(data) or not is_utf8(data):
        return []
    return [line for end in data.split(b"\n") if not is_blank(line := end.removesuffix(b"\r"))]


def _filled(file: FileToParse, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    count = len(columns["position"])
    same: dict[str, Any] = {"file_no": file.number, "source_file": file.name}
    arrays = [
        columns[field.name] if field.name in columns else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in _ARROW
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_ARROW)


def _bundled(all_rows: Iterator[tuple[Any, ...]]) -> Iterator[pa.RecordBatch]:
    rows: list[tuple[Any, ...]] = []
    room = _BATCH_CHARACTERS
    for row in all_rows:
        rows.append(row)
        room -= len(row[_RAW_PAYLOAD] or "")
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
        for position, piece in records:
            characters += len(piece.text)
            yield _row(file, position, piece)
        yield _of_file(file, records.found, records.rejected, records.error, characters)


def _row(file: FileToParse, position: int, piece: Piece) -> tuple[Any, ...]:
    text, value, malformed = piece
    columns = _NOTHING if value is None else fields(value)
    identity = None if malformed is None else record_id(file.md5, position)
    return (file.number, position, *columns, text, file.name, identity, malformed, None, None, None, None)


def _of_file(file: FileToParse, *counts: int | str | None) -> tuple[Any, ...]:
    return (file.number, None, *_NOTHING, None, file.name, None, None, *counts)


def _opener(file: FileToParse) -> Callable[[], FileContent]:
    return partial(FileContent, Path(file.path), file.size, file.md5, zipped=file.zipped)
