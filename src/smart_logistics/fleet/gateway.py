"""The files that the IoT gateway drops: names, looks and bytes, and what must become of each record."""

from __future__ import annotations

import gzip
import io
import json
import random
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

from smart_logistics.contracts.rules import Reason
from smart_logistics.fleet.readings import Reading

_IST = timezone(timedelta(hours=5, minutes=30))


class Style(Enum):
    """How a file is written."""

    LINES = "one object a line"
    ARRAY = "one JSON array"
    CRLF = "lines that end as on Windows"
    BOM = "with a byte-order mark"
    BLANKS = "with blank lines between"
    CUT_ARRAY = "an array whose end is missing"
    CUT_GZIP = "a gzip file whose end is missing"
    RAW = "the bytes as they are"


class Status(Enum):
    """What the log of processed files must say of a file."""

    LOADED = "LOADED"
    DUPLICATE = "DUPLICATE"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Record:
    """A record's text, and either the reading it is or the reason for which it is rejected."""

    line: bytes
    reading: Reading | None
    reason: Reason | None = None


@dataclass(frozen=True)
class TelemetryFile:
    """A file for the landing folder. A cut file's last record is the one that is damaged."""

    at: datetime
    batch: str
    records: tuple[Record, ...]
    style: Style = Style.LINES
    compressed: bool = False
    status: Status = Status.LOADED
    raw: bytes = b""

    @property
    def name(self) -> str:
        """The name that the contract asks for."""
        return f"iot_telemetry_{self.at:%Y%m%d_%H%M%S}_{self.batch}.json{'.gz' if self.compressed else ''}"

    @property
    def content(self) -> bytes:
        """The bytes; the same each time."""
        lines = [record.line for record in self.records]
        match self.style:
            case Style.RAW:
                return self.raw
            case Style.ARRAY:
                text = b"[\n" + b",\n".join(lines) + b"\n]\n"
            case Style.CUT_ARRAY:
                text = b"[" + b",".join(lines)
            case Style.CUT_GZIP:
                return _cut_gzip(b"\n".join(lines))
            case Style.CRLF:
                text = b"".join(line + b"\r\n" for line in lines)
            case Style.BOM:
                text = b"\xef\xbb\xbf" + b"".join(line + b"\n" for line in lines)
            case Style.BLANKS:
                text = b"".join(line + (b"\n\n   \n" if n % 7 == 0 else b"\n") for n, line in enumerate(lines))
            case _:
                text = b"".join(line + b"\n" for line in lines)
        return _gzip(text) if self.compressed else text


def _gzip(text: bytes) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        packed.write(text)
    return out.getvalue()


def _cut_gzip(text: bytes) -> bytes:
    """Return a gzip file that ends where the connection broke; all of ``text`` can still be read from it."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)


def as_record(rng: random.Random, reading: Reading, *, plain: bool = False) -> Record:
    """Return the reading as a logger writes it: times in several spellings, plates sometimes typed by hand."""
    record: dict[str, object] = {
        "truck_id": reading.truck_id if plain else _plate(rng, reading.truck_id),
        "timestamp": _timestamp("Z" if plain else rng.choice(_SPELLINGS), reading.event_ts),
        "temperature": reading.temperature,
        "latitude": reading.latitude,
        "longitude": reading.longitude,
    }
    if reading.latitude is None and rng.random() < 0.5:
        del record["latitude"], record["longitude"]
    if not plain:
        record["humidity"] = rng.randint(35, 95)
        record["battery_v"] = round(rng.uniform(11.8, 13.9), 1)
        if rng.random() < 0.1:
            record["door_open"] = rng.random() < 0.2
    return Record(json.dumps(record).encode(), reading)


def again(rng: random.Random, record: Record) -> Record:
    """Return a record of the same truck and instant that must lose to ``record``: alike, warmer, or spelt otherwise."""
    reading = record.reading
    if reading is None:
        raise ValueError("only a reading can be sent again")
    kind = rng.random()
    if kind < 0.6:
        return record
    if kind < 0.8:
        return as_record(rng, replace(reading, temperature=round(reading.temperature + 15, 2)), plain=True)
    text = {
        "truck_id": f" {reading.truck_id.lower()}",
        "timestamp": _timestamp("+05:30", reading.event_ts),
        "temperature": reading.temperature,
    }
    return Record(json.dumps(text).encode(), reading)


_SPELLINGS = ("Z", "Z", "Z", "+00:00", "", ".000Z", ".000000000Z", "+05:30")


def _timestamp(spelling: str, instant: datetime) -> str:
    if spelling == "+05:30":
        return instant.astimezone(_IST).strftime("%Y-%m-%dT%H:%M:%S") + spelling
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + spelling


def _plate(rng: random.Random, plate: str) -> str:
    kind = rng.random()
    if kind < 0.02:
        return plate.lower()
    return f"{plate} " if kind < 0.04 else plate


def sent_again(
    rng: random.Random, earlier: Sequence[Sequence[Record]], later: list[list[Record]], count: int, *, lag: int
) -> None:
    """Append ``count`` repeats to ``later``: of records of ``earlier``, up to ``lag`` files after them."""
    good = [[record for record in records if record.reading is not None] for records in earlier]
    sources = [n for n, records in enumerate(good) if records]
    for _ in range(count):
        source = rng.choice(sources)
        target = min(source + rng.randint(0, lag), len(later) - 1)
        later[target].append(again(rng, rng.choice(good[source])))


def duplicates_in(files: Sequence[TelemetryFile]) -> int:
    """Count the readings of loaded files that repeat a truck and instant."""
    seen = Counter(
        (record.reading.truck_id, record.reading.event_ts)
        for file in files
        if file.status is Status.LOADED
        for record in file.records
        if record.reading is not None
    )
    return sum(count - 1 for count in seen.values())
