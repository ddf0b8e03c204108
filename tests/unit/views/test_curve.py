"""A thinned curve shows every breach and every gap, whatever is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smart_logistics.views import curve
from smart_logistics.views.curve import Point

START = datetime(2026, 11, 2, tzinfo=UTC)
HOLD = timedelta(minutes=60)
HIGH = 8.0


def points(steps: list[tuple[int, float]]) -> list[Point]:
    """Points that follow one another by so many minutes."""
    found, at = [], START
    for minutes, temperature in steps:
        at += timedelta(minutes=minutes)
        found.append(Point(at, temperature, max(temperature - HIGH, 0.0)))
    return found


steps = st.lists(st.tuples(st.integers(0, 90), st.integers(-5, 20).map(float)), min_size=1, max_size=200)


@given(steps, st.integers(1, 60))
def test_nothing_that_matters_is_left_out(given_steps: list[tuple[int, float]], most: int) -> None:
    series = points(given_steps)
    parts = curve.thinned(series, HOLD, most)
    kept = [index for part in parts for index in part]
    assert kept == sorted(set(kept))
    # The least and the greatest of each stretch, so of the whole.
    for part, whole in zip(parts, curve.stretches(series, HOLD), strict=True):
        assert (part[0], part[-1]) == (whole[0], whole[-1])
        for extreme in (min, max):
            shown = extreme(series[index].temperature for index in part)
            assert shown == extreme(series[index].temperature for index in whole)
    # Each excursion: as many as there are, each with its ends and its peak.
    shown_runs = list(curve.excursions([series[index] for index in kept]))
    runs = list(curve.excursions(series))
    assert len(shown_runs) == len(runs)
    for shown_run, run in zip(shown_runs, runs, strict=True):
        assert (kept[shown_run.start], kept[shown_run.stop - 1]) == (run.start, run.stop - 1)
        assert max(series[kept[i]].deviation for i in shown_run) == max(series[i].deviation for i in run)


@given(steps, st.integers(1, 60))
def test_no_line_crosses_a_gap(given_steps: list[tuple[int, float]], most: int) -> None:
    series = points(given_steps)
    for part in curve.thinned(series, HOLD, most):
        inside = series[part[0] : part[-1] + 1]
        assert all(then.at - first.at <= HOLD for first, then in pairwise(inside))


def test_each_bin_keeps_its_extremes() -> None:
    series = points([(1, float(n % 7)) for n in range(10_000)])
    (part,) = curve.thinned(series, HOLD, 100)
    assert len(part) <= 26 * 4
    width = (series[-1].at - series[0].at) / 25
    bins: dict[int, list[int]] = {}
    for index, point in enumerate(series):
        bins.setdefault((point.at - series[0].at) // width, []).append(index)
    for inside in bins.values():
        shown = {series[index].temperature for index in part if index in inside}
        assert {min(series[i].temperature for i in inside), max(series[i].temperature for i in inside)} <= shown


def test_a_single_warm_reading_among_many_is_kept() -> None:
    series = points([(1, 5.0)] * 5000 + [(1, 8.1)] + [(1, 5.0)] * 5000)
    kept = [index for part in curve.thinned(series, HOLD, 40) for index in part]
    assert 5000 in kept
    assert len(kept) < 100


def test_gaps_are_longer_than_a_reading_holds() -> None:
    series = points([(0, 5.0), (60, 5.0), (61, 5.0), (0, 6.0)])
    assert [gap.minutes for gap in curve.gaps(series, HOLD)] == [61.0]
    assert curve.stretches(series, HOLD) == [[0, 1], [2, 3]]
    assert curve.gaps([], HOLD) == []
    assert curve.thinned([], HOLD) == []
