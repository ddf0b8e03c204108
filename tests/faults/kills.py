"""Which kills the matrix holds: every point of every job with every kind, or a sample that changes from day to day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from smart_logistics.failpoints import KILLS, POINTS
from tests.faults.kill_site import JOBS

_SAMPLE = 8  # one point of so many, with one kind of kill, is tried by default
ANOTHER_HOLD = "gold_aggregate.announced"


class Kill(NamedTuple):
    """A job, the point at which it is killed, and what is killed; ``turn`` chooses among tables and repeated visits."""

    job: str
    point: str
    kind: str
    turn: int

    @property
    def name(self) -> str:
        return f"{self.job}-{self.point.removeprefix(self.job + '.')}-{self.kind}"


def points_of(job: str) -> list[str]:
    """Return the points that a job comes to."""
    return [point for point in POINTS if point.startswith((f"{job}.", "table."))]


def matrix() -> list[Kill]:
    """Return every point of every job with every kind of kill."""
    points = [(job, point) for job in JOBS for point in points_of(job)]
    return [
        Kill(job, point, kind, number + at)
        for number, (job, point) in enumerate(points)
        for at, kind in enumerate(KILLS)
    ]


def sample(seed: int) -> list[Kill]:
    """Return a part of the matrix: after 24 days in a row everything was in it."""
    turn = seed + datetime.now(UTC).toordinal()
    every = matrix()
    rows: Sequence[Sequence[Kill]] = [every[at : at + len(KILLS)] for at in range(0, len(every), len(KILLS))]
    return [
        row[(turn + number) // _SAMPLE % len(KILLS)]
        for number, row in enumerate(rows)
        if number % _SAMPLE == turn % _SAMPLE
    ]
