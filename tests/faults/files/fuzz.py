"""Damaged files from a seed, and the product's own parsing of them, file by file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from smart_logistics.sources import telemetry_frame
from smart_logistics.sources.content import digest
from smart_logistics.sources.landing import is_zipped
from smart_logistics.sources.telemetry_frame import FileToParse
from tests.faults.files.file_damage import CONTENT_DAMAGE, FRAMES, PLAIN_PACKINGS, ZIPPED_PACKINGS
from tests.faults.files.record_damage import RECORD_DAMAGE

# Kinds after which the caps apply, which the oracle does not know: the accountant alone judges those files.
BEYOND_CAPS = {"longer_than_a_record", "longer_and_not_utf8", "beyond_the_content_limit", "bomb"}
_MOST_RECORDS = 160
# A file that is wrong in every respect has no readable record, and then nothing of it is looked at.
_SOUND_FRAMES = ("lines", "crlf_lines", "array", "array_of_lines")
_T0 = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DamagedFile:
    """A file as it lands, what is in it, and what was done to it."""

    name: str
    data: bytes
    content: bytes
    records: int
    kinds: frozenset[str]


@dataclass
class Dealer:
    """Deals every kind of damage in turn; the same seed gives the same files."""

    rng: Random
    records: int = 0
    files: int = 0

    def __post_init__(self) -> None:
        self._record_kinds = _endless(self.rng, RECORD_DAMAGE)
        self._frames = _endless(self.rng, FRAMES)
        self._content_kinds = _endless(self.rng, CONTENT_DAMAGE)
        self._zipped = _endless(self.rng, ZIPPED_PACKINGS)
        self._plain = _endless(self.rng, PLAIN_PACKINGS)

    def file(self) -> DamagedFile:
        """Return the next file."""
        rng, count = self.rng, self.rng.randrange(1, _MOST_RECORDS)
        kinds = [rng.choice(_SOUND_FRAMES) if rng.random() < 0.5 else next(self._frames)]
        lines = [self._line(number) for number in range(count)]
        for _ in range(rng.choice((0, 1, 1, 2, 3, 10))):
            kinds.append(next(self._record_kinds))
            at = rng.randrange(count)
            lines[at] = RECORD_DAMAGE[kinds[-1]](rng, lines[at]) if len(lines[at]) > 100 else lines[at]
        content = FRAMES[kinds[0]](rng, lines)
        if rng.random() < 0.25:
            kinds.append(next(self._content_kinds))
            content = CONTENT_DAMAGE[kinds[-1]](rng, content) if content else content
        is_zipped_ = rng.random() < 0.4
        is_sound = rng.random() < 0.7
        kinds.append(
            ("gzip" if is_zipped_ else "plain") if is_sound else next(self._zipped if is_zipped_ else self._plain)
        )
        packing = {**ZIPPED_PACKINGS, **PLAIN_PACKINGS}[kinds[-1]]
        data = packing(rng, content) if content else content
        self.records += count
        self.files += 1
        end = ".json.gz" if is_zipped_ else ".json"
        name = f"iot_telemetry_20260301_000000_{self.files:07}{end}"
        return DamagedFile(name, data, content, count, frozenset(kinds))

    def _line(self, number: int) -> bytes:
        rng = self.rng
        at = _T0 + timedelta(seconds=self.records + number)
        return (
            f'{{"truck_id": "MH12AB{rng.randrange(50):04}", "timestamp": "{at:%Y-%m-%dT%H:%M:%SZ}",'
            f' "temperature": {rng.uniform(-30, 30):.2f}, "latitude": {rng.uniform(8, 35):.5f},'
            f' "longitude": {rng.uniform(68, 97):.5f}, "note": "Zürich {rng.randrange(10**6)}"}}'
        ).encode()


def _endless(rng: Random, kinds: Mapping[str, Any]) -> Iterator[str]:
    names = list(kinds)
    while True:
        rng.shuffle(names)
        yield from names


@dataclass(frozen=True)
class Parsed:
    """What the product makes of a file: rows of Bronze and of the dead letter in order, and its counts."""

    rows: list[dict[str, Any]]
    found: int
    rejected: int
    error: str | None


def parsed(folder: Path, files: Sequence[DamagedFile]) -> list[Parsed]:
    """Write ``files`` as they would be claimed and parse them as one task of the job does."""
    tasks = []
    for number, file in enumerate(files):
        path = folder / str(number)
        path.write_bytes(file.data)
        checksum, size = digest(path)
        tasks.append(FileToParse(number, str(path), file.name, is_zipped(file.name), size, checksum))
    table = pa.Table.from_batches(telemetry_frame._batches(tasks))
    rows: list[list[dict[str, Any]]] = [[] for _ in files]
    ends: dict[int, dict[str, Any]] = {}
    for row in table.to_pylist():
        if row["found"] is None:
            rows[row["file_no"]].append(row)
        else:
            ends[row["file_no"]] = row
    for of_a_file in rows:
        of_a_file.sort(key=lambda row: row["position"])
    return [Parsed(rows[number], end["found"], end["rejected"], end["error"]) for number, end in sorted(ends.items())]


@dataclass
class Figures:
    """What a run of the fuzzer has seen."""

    files: int = 0
    records: int = 0
    landed_bytes: int = 0
    content_bytes: int = 0
    failed: int = 0
    found: int = 0
    rejected: int = 0
    unaccounted: int = 0
    misplaced: int = 0
    kinds: Counter[str] | None = None

    def __str__(self) -> str:
        return json.dumps({**vars(self), "kinds": len(self.kinds or ())})
