"""A fuzzer over telemetry files: every byte of every damaged file is in one text, and each text is the file's.

The product's own parsing reads real files, its caps and chunks made small so that they are met all the time. Judges are
the accountant, which knows no splitter, and the oracle's reading of the contract. The gate runs a sample;
``make fuzz RECORDS=1000000 SEED=1`` runs it whole. A failure names seed and file: the same arguments make it again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from smart_logistics.sources import content, pieces, raw, telemetry_frame
from smart_logistics.sources.content import FileContent
from tests.faults.files.accountant import Account, account
from tests.faults.files.file_damage import CONTENT_DAMAGE, FRAMES, PLAIN_PACKINGS, ZIPPED_PACKINGS
from tests.faults.files.fuzz import BEYOND_CAPS, DamagedFile, Dealer, Figures, Parsed, parsed
from tests.faults.files.record_damage import RECORD_DAMAGE
from tests.oracle import files as oracle
from tests.oracle import readings

KINDS = {*RECORD_DAMAGE, *FRAMES, *CONTENT_DAMAGE, *ZIPPED_PACKINGS, *PLAIN_PACKINGS}
RECORD_CAP, HEAD, CONTENT_CAP = 2**16, 2**12, 2**18
FILES_AT_ONCE = 50
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


@pytest.fixture
def low_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (raw, pieces):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", RECORD_CAP)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_TO_BYTES", RECORD_CAP)
    monkeypatch.setattr(raw, "HEAD_BYTES", HEAD)
    defaults = FileContent.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "limit", CONTENT_CAP)


@pytest.mark.usefixtures("low_caps")
def test_no_byte_of_a_damaged_file_is_lost_doubled_or_changed(
    seed: int, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request.config.getoption("--records")
    figures, began = Figures(kinds=Counter()), time.monotonic()
    dealer = Dealer(Random(seed))  # noqa: S311 (data, not secrets)
    identities: set[str] = set()
    while dealer.records < wanted:
        files = [dealer.file() for _ in range(FILES_AT_ONCE)]
        monkeypatch.setattr(content, "CHUNK_BYTES", dealer.rng.choice((97, 4099, 2**20)))
        monkeypatch.setattr(content, "_ZIPPED_CHUNK_BYTES", dealer.rng.choice((61, 997, 2**16)))
        monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", dealer.rng.choice((0, 2**40)))
        for file, found in zip(files, parsed(tmp_path, files), strict=True):
            assert list(complaints(file, found)) == [], (seed, file.name, sorted(file.kinds))
            reckon(figures, file, found)
            identities.update(row["record_id"] for row in found.rows if row["malformed"])
    assert figures.unaccounted == figures.misplaced == 0
    assert len(identities) == figures.rejected  # no two dead letters are taken for one
    assert figures.kinds is not None
    assert len(figures.kinds) >= 40
    if wanted >= 100_000:
        assert set(figures.kinds) == KINDS
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nfuzz, seed {seed}: {figures} in {time.monotonic() - began:.0f} s")  # noqa: T201


def complaints(file: DamagedFile, found: Parsed) -> Iterator[str]:
    """Say what is wrong about what the product made of a file; nothing where all is well."""
    if found.error is not None:
        if found.rows or found.found or found.rejected:
            yield "FAILED, but with records"
    else:
        if [row["position"] for row in found.rows] != list(range(1, found.found + 1)):
            yield "positions are not 1, 2, 3, …"
        if sum(row["malformed"] is not None for row in found.rows) != found.rejected:
            yield "not as many dead letters as counted"
        if (told := accounted(file, found)) != Account():
            yield str(told)
    if not file.kinds & BEYOND_CAPS:
        yield from _as_the_oracle(file, found)


def _as_the_oracle(file: DamagedFile, found: Parsed) -> Iterator[str]:
    wanted = oracle.read(file.name, file.data)
    if (wanted.status == "FAILED") is not (found.error is not None):
        yield f"the oracle says {wanted.status}, we {found.error}"
    elif len(wanted.records) != len(found.rows):
        yield f"the oracle finds {len(wanted.records)} records, we {len(found.rows)}"
    else:
        for record, row in zip(wanted.records, found.rows, strict=True):
            if (record.value is None) is not (row["malformed"] is not None):
                yield f"record {record.position}: {row['malformed']}"
            elif record.value is not None:
                yield from _typed(record, row)


def _typed(record: oracle.Record, row: dict[str, object]) -> Iterator[str]:
    reason, reading = readings.judge(record.value or {}, "f", FOREVER)
    if (row["schema_error"] is not None) is not (reason == "SCHEMA_VALIDATION_FAILED"):
        yield f"record {record.position}: {reason}, but {row['schema_error']}"
    if reading is not None:
        for name in ("event_ts", "temperature", "latitude", "longitude"):
            if row[name] != getattr(reading, name):
                yield f"record {record.position}: {name} is {row[name]!r}, not {getattr(reading, name)!r}"


def accounted(file: DamagedFile, found: Parsed) -> Account:
    data = oracle.inflate(file.data)[0] if file.name.endswith(".gz") else file.data
    return account(data[:CONTENT_CAP], [(row["raw_payload"], row["malformed"]) for row in found.rows])


def reckon(figures: Figures, file: DamagedFile, found: Parsed) -> None:
    figures.files += 1
    figures.records += file.records
    figures.landed_bytes += len(file.data)
    figures.content_bytes += len(file.content)
    figures.failed += found.error is not None
    figures.found += found.found
    figures.rejected += found.rejected
    if found.error is None:
        told = accounted(file, found)
        figures.unaccounted += told.unaccounted
        figures.misplaced += told.misplaced
    assert figures.kinds is not None
    figures.kinds.update(file.kinds)
