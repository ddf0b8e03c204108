"""A block's files, wave by wave: which reading is in which file, and the broken records between them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from smart_logistics.contracts.rules import Reason
from smart_logistics.fleet.damage import Damage, damaged
from smart_logistics.fleet.gateway import Record, Status, Style, TelemetryFile, as_record, sent_again
from smart_logistics.fleet.geography import CITIES
from smart_logistics.fleet.masters import license_plate
from smart_logistics.fleet.plan import Block
from smart_logistics.fleet.readings import FAR_OFF, Reading, Sample, telemetry_end
from smart_logistics.fleet.trips import REST, SLOTS, Schedule

FILE_HOURS = 8
REPEATED, REPEATED_LATER = 45, 5
_LATE_SHARE = 0.03
_STYLES = {2: Style.ARRAY, 4: Style.CRLF, 6: Style.BOM, 7: Style.BLANKS}
# The gateway needs a moment after the last reading of a file.
_LAG = timedelta(minutes=3)
MINUTE = timedelta(minutes=1)


def unregistered_plate(block: Block) -> str:
    """Return the plate of a truck that sends readings but is in no table; no office gives the number 00."""
    return f"MH00ZZ{block.fleet + 1:04d}"


def wave_1_files(block: Block, plan: Schedule, samples: Sequence[Sample]) -> list[TelemetryFile]:
    """Return the files of wave 1 in name order."""
    rng = block.rng("files")
    end = telemetry_end(block)
    count = max(9, round((end - block.start) / timedelta(hours=FILE_HOURS)))
    span = (end - block.start) / count
    bins: list[list[Record]] = [[] for _ in range(count)]
    present = [s.reading for s in samples if not s.withheld and s.reading.event_ts < end]
    for reading in sorted([*present, *_yard(block, plan)], key=lambda r: (r.event_ts, r.truck_id)):
        late = rng.random() < _LATE_SHARE
        bins[min(int((reading.event_ts - block.start) / span) + late, count - 1)].append(as_record(rng, reading))
    sent_again(rng, [list(records) for records in bins], bins, REPEATED, lag=2)
    _scatter(
        rng,
        [records for n, records in enumerate(bins) if _STYLES.get(n) is not Style.ARRAY],
        damaged(_looks(rng, present)),
    )
    times = [_second(block.start + (n + 1) * span + _LAG) for n in range(count)]
    files = [
        TelemetryFile(at, _batch(block), tuple(records), _STYLES.get(n, Style.LINES), compressed=n % 5 == 3)
        for n, (at, records) in enumerate(zip(times, bins, strict=True))
        if records  # while no truck moves, no file comes
    ]
    return sorted([*files, *_odd_files(block, rng, times, files[0])], key=lambda file: file.name)


def wave_2_files(block: Block, samples: Sequence[Sample], earlier: Sequence[TelemetryFile]) -> list[TelemetryFile]:
    """Return the files of wave 2: what was held back, then what is new, some of it known already."""
    rng = block.rng("files/2")
    begin, end = telemetry_end(block), block.plan.anchor - timedelta(minutes=5)
    late = sorted((s.reading for s in samples if s.withheld), key=lambda r: (r.event_ts, r.truck_id))
    new = sorted(
        (s.reading for s in samples if not s.withheld and begin <= s.reading.event_ts < end),
        key=lambda r: (r.event_ts, r.truck_id),
    )
    bins = [[as_record(rng, reading) for reading in readings] for readings in (late, new)]
    past = [file.records for file in earlier if file.status is Status.LOADED and file.style is Style.LINES]
    sent_again(rng, past, bins, REPEATED_LATER, lag=0)
    broken = damaged(_looks(rng, late + new))
    _scatter(rng, bins, [broken[0], broken[12], broken[24], broken[-1]])
    times = (block.end + timedelta(minutes=15), block.plan.anchor - timedelta(minutes=2))
    return [TelemetryFile(_second(at), _batch(block), tuple(records)) for at, records in zip(times, bins, strict=True)]


def _batch(block: Block) -> str:
    return f"gw{block.fleet + 1:04d}"


def _yard(block: Block, plan: Schedule) -> Iterable[Reading]:
    """Yield readings of trucks without a trip: one that nobody registered, and one whose only neighbour is a spike."""
    pune = CITIES["Pune"]
    for k in range(6):
        at = _second(block.start + timedelta(hours=9) + k * timedelta(minutes=30))
        yield Reading(unregistered_plate(block), at, 21.5 + k, pune.latitude, pune.longitude)
    if plan.idle:
        slot = block.end - (block.end - block.start) / SLOTS
        at, home = _second(slot + REST + timedelta(hours=1)), CITIES["Nagpur"]
        plate = license_plate(block, plan.idle[0])
        yield Reading(plate, at, 24.0, home.latitude, home.longitude)
        yield Reading(plate, at + timedelta(minutes=10), 24.0, home.latitude + FAR_OFF, home.longitude)


def spiked(plan: Schedule) -> int:
    """Return how many readings of trucks without a trip are too fast for their only neighbour."""
    return 2 if plan.idle else 0


def _looks(rng: random.Random, readings: Sequence[Reading]) -> list[Reading]:
    return [rng.choice(readings) for _ in range(60)]


def _scatter(rng: random.Random, bins: Sequence[list[Record]], damage: Sequence[Damage]) -> None:
    """Put broken records at random places of files of lines, behind a good record.

    A file that begins with ``[`` would be an array, and one without a readable record would fail as a whole.
    """
    filled = [records for records in bins if records]
    for broken in damage:
        records = rng.choice(filled)
        records.insert(rng.randint(1, len(records)), Record(broken.line, None, broken.reason))


def _odd_files(
    block: Block, rng: random.Random, times: Sequence[datetime], original: TelemetryFile
) -> list[TelemetryFile]:
    """Return the files with which something is wrong as a whole; one of them is ``original`` once more."""
    pune, batch = CITIES["Pune"], f"{_batch(block)}x"

    def readings(begin: datetime, count: int) -> list[Record]:
        plate = unregistered_plate(block)
        return [
            as_record(rng, Reading(plate, begin + k * MINUTE, 22.0, pune.latitude, pune.longitude), plain=True)
            for k in range(1, count + 1)
        ]

    def after(n: int) -> datetime:
        return times[n] + MINUTE

    def cut(records: list[Record]) -> tuple[Record, ...]:
        last = records[-1].line
        return (*records[:-1], Record(last[: len(last) // 2], None, Reason.MALFORMED_JSON))

    return [
        # Later than what they take as readings: a reading must not be newer than its file.
        TelemetryFile(after(3), batch, cut(readings(times[1], 3)), Style.CUT_ARRAY),
        TelemetryFile(after(4), batch, cut(readings(times[2], 5)), Style.CUT_GZIP, compressed=True),
        TelemetryFile(after(5), batch, (), Style.RAW, raw=_nothing(block)),
        replace(original, at=after(6), batch=batch, status=Status.DUPLICATE),
        TelemetryFile(after(7), batch, (), Style.RAW, compressed=True, status=Status.FAILED, raw=_error_page(block)),
    ]


def _nothing(block: Block) -> bytes:
    """Return a content without a record that no other block has: the same bytes twice would be a duplicate."""
    marks = f"{block.index:b}".replace("0", " ").replace("1", "\t")
    return f"{marks}\n".encode() if block.index else b""


def _error_page(block: Block) -> bytes:
    return f"<html>502 Bad Gateway {_batch(block)}, {block.era}</html>\n".encode()


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def record_count(file: TelemetryFile) -> int:
    """Return how many records the pipeline must find in the file."""
    return len(file.records) if file.status is Status.LOADED else 0
