"""Telemetry files as gateways write them, in sizes that no test has: many small ones, a big one, long records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

RECORDS_PER_SMALL_FILE = 5
_START = datetime(2026, 3, 1, tzinfo=UTC)


def records(seed: int) -> Iterator[bytes]:
    """Yield readings as a gateway writes them, one a line, without end: 50 trucks, about three days."""
    rng = Random(seed)  # noqa: S311 (data, not secrets)
    number = 0
    while True:
        at = _START + timedelta(milliseconds=25 * (number % 10_000_000))
        yield (
            json.dumps(
                {
                    "truck_id": f"MH12AB{number % 50:04}",
                    "timestamp": at.isoformat(timespec="milliseconds"),
                    "temperature": round(rng.uniform(-30, 30), 2),
                    "latitude": round(rng.uniform(8, 35), 6),
                    "longitude": round(rng.uniform(68, 97), 6),
                    "humidity": rng.randrange(100),
                    "firmware": "1.2.3",
                }
            ).encode()
            + b"\n"
        )
        number += 1


def land_small(landing: Path, files: int) -> int:
    """Write ``files`` files of a few records; return their bytes."""
    source, total = records(1), 0
    for number in range(files):
        data = b"".join(islice(source, RECORDS_PER_SMALL_FILE))
        (landing / f"iot_telemetry_20260301_000000_{number:06}.json").write_bytes(data)
        total += len(data)
    return total


def land_big(landing: Path, wanted: int, *, array: bool = False) -> int:
    """Write one file of ``wanted`` bytes or a little more, lines or one array without a line end; return its bytes."""
    before, between, after = (b"[", b",", b"]") if array else (b"", b"\n", b"\n")
    source = records(2)
    with (landing / "iot_telemetry_20260301_000000_big.json").open("wb") as file:
        total = file.write(before + next(source)[:-1])
        while total < wanted:
            total += file.write(between + next(source)[:-1])
        total += file.write(after)
    return total


def land_long(landing: Path, count: int) -> int:
    """Write one file of ``count`` records of 10 MB, below the cap on a record; return its bytes."""
    total = 0
    with (landing / "iot_telemetry_20260301_000000_long.json").open("wb") as file:
        for line in islice(records(3), count):
            total += file.write(line[:-2] + b', "note": "' + b"x" * 10_000_000 + b'"}\n')
    return total
