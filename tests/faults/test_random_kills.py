"""Runs of all six jobs that are killed at random moments, while files land and transactions commit.

Each recount is followed by the audit, which makes Silver and Gold again and fails where anything differs.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from smart_logistics.failpoints import KILLS
from tests.faults.kill_recount import held_locks, wrong
from tests.faults.kill_site import EVENTS, JOBS, Site
from tests.oracle.hostile_data import Wave, hostile_waves
from tests.spark.bronze.source import Source

KINDS = (*KILLS, "kill-tether")
_RECOUNT_AFTER = 10
# What a job takes, until one was seen to its end; and the share of it in which its Python has not yet begun.
_FIRST_GUESS, _EARLIEST = 12.0, 0.4


def halves(wave: Wave) -> Iterator[Wave]:
    """Split a wave: what is there before a job starts, and what comes while it runs."""
    rows = {table: (of[: len(of) // 2], of[len(of) // 2 :]) for table, of in wave.rows.items()}
    middle = len(wave.files) // 2
    yield replace(wave, rows={table: first for table, (first, _) in rows.items()}, files=wave.files[:middle])
    yield Wave(wave.at, {table: second for table, (_, second) in rows.items()}, wave.files[middle:])


def waves(seed: int) -> Iterator[Wave]:
    """Yield hostile waves without end; their events' ids grow."""
    last = 0
    while True:
        for wave in hostile_waves(seed, 60, files=120, readings_per_truck=400):
            events = [{**row, "event_id": row["event_id"] + last} for row in wave.rows[EVENTS]]
            yield replace(wave, rows=wave.rows | {EVENTS: events})
        last, seed = last + 60 * 25, seed + 1


@dataclass
class Killer:
    """Kills jobs of a site at random moments of the time that they take."""

    site: Site
    rng: random.Random
    kills: Counter[str]
    typical: dict[str, float]

    def attempt(self, job: str, meanwhile: Wave | None) -> bool:
        """Submit a job and kill it at a random moment; whether it came to its end before that."""
        kind = self.rng.choice(KINDS)
        moment = self.rng.uniform(_EARLIEST, 1.05) * self.typical.get(job, _FIRST_GUESS)
        began = time.monotonic()
        with self.site.submitted(job) as processes:
            if meanwhile is not None:
                self.site.receive(meanwhile)
            while time.monotonic() < began + moment and processes.tether.poll() is None:
                time.sleep(0.01)
            killed = processes.kill(kind)
            code = processes.wait()
            took = processes.seconds_until_gone()
            ended = code == 0
            if ended or not killed:
                self.typical[job] = time.monotonic() - began
                assert code == 0, processes.text[-3000:]
            if killed and not ended:
                self.kills[f"{job} {kind}"] += 1
                sys.stdout.write(f"{self.kills.total()}: {job} {kind} after {moment:.1f} s, gone after {took:.1f} s\n")
        assert held_locks(self.site) == []
        return ended


def test_random_kills_lose_nothing_and_double_nothing(
    spark: SparkSession,
    kill_source: Source,
    kill_jars: Path,
    tmp_path: Path,
    seed: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted: int = request.config.getoption("--kills")
    kill_source.reset()
    site = Site(tmp_path / "site", kill_source, spark, kill_jars)
    rng = random.Random(seed)  # noqa: S311 (moments, not secrets)
    killer, coming = Killer(site, rng, Counter(), {}), waves(seed)
    recounted = 0
    while killer.kills.total() < wanted:
        before, meanwhile = halves(next(coming))
        site.receive(before)
        more: Wave | None = meanwhile
        for job in JOBS:
            # A killed job is tried again, as Airflow does, and may be killed again; in the end it is left in peace.
            for _ in range(3):
                ended = killer.kills.total() >= wanted or killer.attempt(job, more)
                more = None
                if ended:
                    break
            else:
                site.run(job)
        if killer.kills.total() - recounted >= _RECOUNT_AFTER or killer.kills.total() >= wanted:
            site.run_from(JOBS[0])
            recounted = killer.kills.total()
            assert wrong(site) == [], f"seed {seed}, after {dict(killer.kills)}"
            site.run("full_audit")
    with capsys.disabled():
        sys.stdout.write(
            f"\n{wanted}/{wanted} random kills of seed {seed}, 0 lost, 0 doubled: {len(site.journal.versions)} row"
            f" versions, {len(site.journal.events)} events, {site.journal.files.total()} files\n"
        )
        sys.stdout.writelines(f"  {n} x {what}\n" for what, n in sorted(killer.kills.items()))
