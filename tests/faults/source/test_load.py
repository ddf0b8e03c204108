"""Thousands of transactions of every kind beside repeated extractions: nothing missed, nothing invented."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from smart_logistics.contracts import bronze
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake
from tests.faults.source.journal import KEYS, Change, Journal
from tests.faults.source.naive import NaiveCursor
from tests.faults.source.writers import SHARES, Clock, Writer
from tests.spark.bronze.conftest import Extract
from tests.spark.bronze.source import Source

WRITERS = 12
# The writers keep to this, and to so many beside one extraction, so that many extractions fall among them.
_A_SECOND = 150
_MOST_IN_A_ROUND = 1000
_FEWEST_ROUNDS = 3
Place = tuple[str, int]


class Extracted:
    """What Bronze holds, read without Spark and without the code under test."""

    def __init__(self, lake: Lake) -> None:
        self.versions: set[tuple[str, int, str | None]] = set()
        self.repeated: list[tuple[str, int, str | None]] = []
        self.latest: dict[Place, tuple[datetime, str]] = {}
        self._gone: dict[Place, datetime] = {}
        for table, (key, _, column) in KEYS.items():
            for row in _rows(lake, bronze.EXTRACTED[table]):
                place, version = (table, int(row[key])), (table, int(row[key]), row[column])
                if version in self.versions:
                    self.repeated.append(version)
                self.versions.add(version)
                if place not in self.latest or self.latest[place][0] < row["_ingested_at"]:
                    self.latest[place] = row["_ingested_at"], row[column]
        for row in _rows(lake, bronze.SOURCE_DELETES):
            place = row["source_table"], int(row["source_key"])
            self._gone[place] = max(self._gone.get(place, row["_ingested_at"]), row["_ingested_at"])

    @property
    def live(self) -> dict[Place, str]:
        """The last version of each row that was not found gone after it."""
        return {
            place: token
            for place, (at, token) in self.latest.items()
            if place not in self._gone or self._gone[place] <= at
        }

    def number(self, place: Place) -> int:
        return int(self.latest[place][1].split(".")[1]) if place in self.latest else 0


def _rows(lake: Lake, table: Any) -> list[dict[str, Any]]:
    found = tables.open_table(lake.root, table)
    return found.to_pyarrow_table().to_pylist() if found is not None else []


def _behind(acknowledged: dict[Place, Change], journal: Journal, extracted: Extracted) -> list[Change]:
    """Return what was acknowledged before an extraction began and is not in Bronze, nor anything later of its row.

    A row that was deleted since may have been gone by the moment of the snapshot.
    """
    return [
        change
        for place, change in acknowledged.items()
        if change.token and extracted.number(place) < change.number and not journal.was_deleted_after(change)
    ]


def _start(
    pool: ThreadPoolExecutor, source: Source, journal: Journal, clock: Clock, seed: int, count: int
) -> list[Future[None]]:
    rounds = max(_FEWEST_ROUNDS, count // _MOST_IN_A_ROUND)

    def pause(dice: random.Random) -> Callable[[], object]:
        def wait() -> None:
            time.sleep(dice.random() * 2 * WRITERS / _A_SECOND)
            while journal.transactions > count * (clock.ended + 1) / rounds:
                time.sleep(0.05)

        return wait

    started = []
    for number in range(WRITERS):
        dice = random.Random(seed * 1000 + number)  # noqa: S311 (data, not secrets)
        writer = Writer(source, journal, clock, number, dice)
        started.append(pool.submit(writer.run, -(-count // WRITERS), pause(dice)))
    return started


def test_whatever_thousands_of_transactions_do_no_version_is_missed_or_invented(
    request: pytest.FixtureRequest, seed: int, lake: Lake, source: Source, extract: Extract
) -> None:
    count: int = request.config.getoption("--transactions")
    journal, clock, naive = Journal(), Clock(), NaiveCursor(source)
    late: list[Change] = []
    began = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = _start(pool, source, journal, clock, seed, count)
        while not all(one.done() for one in writers):
            naive.poll()
            acknowledged = journal.last()
            extract(hours=24 if clock.ended % 3 else 0, percent=100)
            clock.ended += 1
            late += _behind(acknowledged, journal, Extracted(lake))
        for one in writers:
            one.result()
    naive.poll()
    extract(hours=0, percent=100)
    again = extract()
    seconds = time.monotonic() - began

    extracted, last = Extracted(lake), journal.last()
    expected = {place: change.token for place, change in last.items() if change.token}
    missed = {place for place, token in expected.items() if extracted.live.get(place) != token}
    invented = extracted.versions - journal.tokens()
    undead = set(extracted.live) - set(expected)
    naive_missed = {place for place, token in expected.items() if naive.seen.get(place) != token}
    kinds = journal.kinds
    print(  # noqa: T201 (the figures are what `make load` is run for)
        f"\nseed {seed}: {journal.transactions} transactions {dict(kinds.most_common())},"
        f" {clock.ended + 2} extractions, {seconds:.0f} s, {len(extracted.versions)} versions:"
        f" missed {len(missed) + len(late)}, invented {len(invented)},"
        f" naive updated_at cursor missed {len(naive_missed)} of {len(expected)} rows"
    )
    assert journal.transactions >= count
    assert all(kinds[kind] for kind in SHARES)
    unusual = sum(kinds[kind] for kind in SHARES)
    assert unusual >= journal.transactions // 20
    assert (late, missed, undead) == ([], set(), set())
    assert invented == set()
    assert {token for _, _, token in extracted.versions}.isdisjoint(journal.undone)
    assert extracted.repeated == []
    assert (again["rows"], again["deleted"]) == (0, 0)
    assert naive_missed, "the comparison shows nothing where the naive cursor misses nothing"
