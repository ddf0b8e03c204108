"""Waves of hostile sources from a seed, as plain Python objects: for property tests of oracle and pipeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice
from random import Random
from typing import Any

from tests.oracle.hostile_files import FILE_KINDS, NAMES_LEFT, make, suffix
from tests.oracle.hostile_records import RECORD_DAMAGE, damaged, encode, readings
from tests.oracle.hostile_rows import KEYS, T0, events, version
from tests.oracle.model import Deletion, Row, Source, TakenFile, Version
from tests.oracle.source_tables import BY_NAME

FIRST_WAVE = T0 + timedelta(days=30)
BETWEEN_WAVES = timedelta(hours=1)


@dataclass(frozen=True)
class Wave:
    """What lies at the sources when a run begins: changed rows (one version for each key), keys gone, landed files.

    Row values are Python's; a Decimal or float NaN stands for itself, the texts ``infinity`` and ``-infinity`` for such
    a timestamp. ``files`` holds names that must not be taken, too.
    """

    at: datetime
    rows: dict[str, list[Row]]
    files: list[tuple[str, bytes]]
    deleted: dict[str, list[Any]] = field(default_factory=dict)


def hostile_waves(
    seed: int, count: int = 4, *, files: int = 12, readings_per_truck: int = 40, without: Collection[str] = ()
) -> list[Wave]:
    """Return ``count`` waves with ``files`` files in all and some repeated ones; the same arguments give the same data.

    ``without`` names kinds of RECORD_DAMAGE or FILE_KINDS to leave out.
    """
    rng = Random(seed)  # noqa: S311 (data, not secrets)
    records = readings(rng, readings_per_truck)
    rng.shuffle(records)  # late readings, in any file
    forge = _Files(rng, records, without)
    seen: dict[str, set[Any]] = defaultdict(set)
    waves: list[Wave] = []
    for number in range(count):
        at = FIRST_WAVE + number * BETWEEN_WAVES
        deleted = {table: _some(rng, sorted(keys), 0.06) for table, keys in seen.items()} if number else {}
        rows = {
            table: [
                version(rng, table, key, at - rng.randrange(90) * timedelta(minutes=1))
                for key in _some(rng, keys, 0.55)
            ]
            for table, keys in KEYS.items()
        }
        rows = {
            table: [row for row in of if row[_key(table)] not in deleted.get(table, ())] for table, of in rows.items()
        }
        for table, of in rows.items():
            seen[table] |= {row[_key(table)] for row in of}
        rows["shipment_status_events"] = events(rng, 1 + number * 25, 25)
        waves.append(Wave(at, rows, forge.of_wave(number, -(-files // count), at), deleted))
    return waves


def source_of(waves: Iterable[Wave]) -> Source:
    """Return waves as the oracle takes them, each extracted and taken at its own moment."""
    waves = list(waves)
    return Source(
        [Version(table, row, wave.at) for wave in waves for table, rows in wave.rows.items() for row in rows],
        [Deletion(table, str(key), wave.at) for wave in waves for table, keys in wave.deleted.items() for key in keys],
        [TakenFile(name, data, wave.at) for wave in waves for name, data in wave.files],
    )


class _Files:
    """Deals records into files: every kind of file and of record damage comes up in turn, in an order of the seed."""

    def __init__(self, rng: Random, records: Sequence[Row], without: Collection[str]) -> None:
        self.rng = rng
        self.records = cycle(records)
        self.kinds = _endless(rng, [kind for kind in FILE_KINDS if kind not in without])
        self.damages = _endless(rng, [kind for kind in RECORD_DAMAGE if kind not in without])
        self.earlier: list[tuple[str, bytes]] = []

    def of_wave(self, number: int, count: int, at: datetime) -> list[tuple[str, bytes]]:
        made = [self._one(f"{at:%Y%m%d_%H%M%S}_{number}_{place:03}") for place in range(count)]
        if self.earlier:
            name, data = self.rng.choice(self.earlier)
            made.append((f"iot_telemetry_{at:%Y%m%d_%H%M%S}_again{name[name.index('.json') :]}", data))
            other, _ = self.rng.choice(self.earlier)
            made.append((other, self._one("")[1]))
        made.append((self.rng.choice(NAMES_LEFT), b'{"truck_id": "LEFT"}\n'))
        self.earlier += made[:count]
        return made

    def _one(self, middle: str) -> tuple[str, bytes]:
        kind = next(self.kinds)
        lines = [encode(record) for record in islice(self.records, self.rng.randrange(4, 12))]
        for _ in range(self.rng.randrange(4)):
            lines[self.rng.randrange(1, len(lines))] = damaged(next(self.damages), next(self.records))
        return f"iot_telemetry_{middle}{suffix(kind)}", make(self.rng, kind, lines)


def _endless(rng: Random, values: list[str]) -> Iterator[str]:
    while True:
        rng.shuffle(values)
        yield from values


def _some(rng: Random, keys: Iterable[Any], share: float) -> list[Any]:
    return [key for key in keys if rng.random() < share]


def _key(table: str) -> str:
    return BY_NAME[table].key
