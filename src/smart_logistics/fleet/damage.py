"""Records that must not reach Silver: how a line can be broken, and the reason the contract gives for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from smart_logistics.contracts.rules import Reason
from smart_logistics.fleet.readings import Reading


@dataclass(frozen=True)
class Damage:
    """One broken record: its line, why it is rejected, and whether it is still a JSON value (may stand in an array)."""

    line: bytes
    reason: Reason


def _line(reading: Reading, **instead: object) -> bytes:
    record: dict[str, object] = {
        "truck_id": reading.truck_id,
        "timestamp": reading.event_ts.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "temperature": reading.temperature,
        "latitude": reading.latitude,
        "longitude": reading.longitude,
    }
    record.update(instead)
    return json.dumps(record).encode()


def damaged(samples: Sequence[Reading]) -> list[Damage]:
    """Return one broken record of each kind; ``samples`` lend them their looks (at least one each)."""
    make = iter(samples)

    def line(**instead: object) -> bytes:
        return _line(next(make), **instead)

    def without(name: str) -> bytes:
        record = json.loads(line())
        del record[name]
        return json.dumps(record).encode()

    malformed = [
        line()[:-21],  # the connection was cut
        line()[: len(line()) // 3],
        line(note="x").replace(b'"x"', b'"\xff\xfe"'),  # not UTF-8
        b"[" + line() + b"]",
        b"null",
        b"42",
        line() + line(),  # two on one line
        line() + b" EOT",
        line().replace(b'"', b"'"),
        b"ERROR: modem reset, code=0x1F",
        line().replace(b",", b";"),
        line()[1:],
    ]
    schema = [
        line(temperature="7.5"),
        line(temperature=True),
        line(temperature=[4.1, 4.2]),
        line(truck_id=4711),
        line(timestamp=1700000000),
        line(timestamp="yesterday"),
        line(timestamp="2026-13-40T00:00:00Z"),
        line(timestamp="2026-02-30T10:00:00Z"),
        line(latitude="north"),
        line(longitude={"deg": 77}),
        line(temperature=0).replace(b'"temperature": 0', b'"temperature": 1e999'),
        line(temperature=float("nan")),
    ]
    missing = [
        line(truck_id=None),
        line(truck_id=""),
        line(truck_id="   "),
        without("truck_id"),
        line(timestamp=None),
        without("timestamp"),
        line(temperature=None),
        line(temperature=" "),  # blank is null before types are judged
        without("temperature"),
        b"{}",
    ]
    out_of_time = [
        line(timestamp="1970-01-01T00:00:05Z"),  # a clock without battery
        line(timestamp="1999-12-31T23:59:59Z"),
        line(timestamp="2099-01-01T00:00:00Z"),
        line(timestamp="2000-01-01T05:29:59+05:30"),
    ]
    return [
        *(Damage(text, Reason.MALFORMED_JSON) for text in malformed),
        *(Damage(text, Reason.SCHEMA_VALIDATION_FAILED) for text in schema),
        *(Damage(text, Reason.NULL_CRITICAL_FIELD) for text in missing),
        *(Damage(text, Reason.BUSINESS_RULE_VIOLATION) for text in out_of_time),
    ]
