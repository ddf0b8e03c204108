"""A temperature curve for the eye: fewer points, no breach lost, no gap bridged.

Pure functions of points in time order. What is left out lies between two kept points of the same stretch and the same
bin, neither above the bin's greatest kept temperature nor below its least; and never is it the whole of an excursion,
its ends or its peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MOST_POINTS = 2000


@dataclass(frozen=True)
class Point:
    """A reading on the curve; ``deviation`` is its distance to the limits in °C, 0 inside."""

    at: datetime
    temperature: float
    deviation: float = 0.0


@dataclass(frozen=True)
class Gap:
    """A time without readings, longer than a reading holds."""

    start: datetime
    end: datetime

    @property
    def minutes(self) -> float:
        """How long it is."""
        return (self.end - self.start) / timedelta(minutes=1)


def stretches(points: Sequence[Point], hold: timedelta) -> list[list[int]]:
    """Return the indices of points, cut where the next reading is later than the last one holds."""
    found: list[list[int]] = []
    for index, point in enumerate(points):
        if not found or point.at - points[index - 1].at > hold:
            found.append([])
        found[-1].append(index)
    return found


def gaps(points: Sequence[Point], hold: timedelta) -> list[Gap]:
    """Return the times between the stretches."""
    parts = stretches(points, hold)
    return [Gap(points[one[-1]].at, points[next_[0]].at) for one, next_ in pairwise(parts)]


def excursions(points: Sequence[Point]) -> Iterator[range]:
    """Yield the indices of each maximal run of points beyond the limits; as in Gold, a gap does not end one."""
    start = None
    for index, point in enumerate(points):
        if point.deviation > 0 and start is None:
            start = index
        elif point.deviation <= 0 and start is not None:
            yield range(start, index)
            start = None
    if start is not None:
        yield range(start, len(points))


def thinned(points: Sequence[Point], hold: timedelta, most: int = MOST_POINTS) -> list[list[int]]:
    """Return the indices of the points to draw, stretch by stretch.

    About ``most`` of them (four for each bin of time), and beyond that whatever an excursion needs: its first and last
    reading, its peak, and the readings within the limits on either side of it.
    """
    parts = stretches(points, hold)
    if len(points) <= most:
        return parts
    needed = set(_of_excursions(points))
    bins = max(most // 4, 1)
    width = (points[-1].at - points[0].at) / bins
    return [sorted({*_extremes(points, part, width), *needed.intersection(part)}) for part in parts]


def _of_excursions(points: Sequence[Point]) -> Iterator[int]:
    for run in excursions(points):
        yield from (run.start, run.stop - 1, max(run, key=lambda index: points[index].deviation))
        yield from (index for index in (run.start - 1, run.stop) if 0 <= index < len(points))


def _extremes(points: Sequence[Point], part: Sequence[int], width: timedelta) -> Iterator[int]:
    """Yield the first, least, greatest and last point of each bin of a stretch."""
    bins: dict[int, list[int]] = {}
    for index in part:
        bins.setdefault((points[index].at - points[0].at) // width if width else 0, []).append(index)
    for inside in bins.values():
        yield from (inside[0], inside[-1])
        yield min(inside, key=lambda index: points[index].temperature)
        yield max(inside, key=lambda index: points[index].temperature)
