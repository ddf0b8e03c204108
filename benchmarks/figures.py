"""A figure, what was measured for it, and how both are shown. Standard library only, and nothing but arithmetic."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What is promised: ``value`` is at most ``goal``, or at least where ``at_least``; ``unit`` is of both sides."""

    id: str
    what: str
    goal: float
    unit: str
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the promise."""
        return value >= self.goal if self.at_least else value <= self.goal


@dataclass(frozen=True)
class Measured:
    """What a benchmark found: ``ours`` and ``baseline`` in the figure's unit, and how often each was measured."""

    id: str
    value: float
    ours: float
    baseline: float
    repeats: int

    def __post_init__(self) -> None:
        if not all(math.isfinite(n) for n in (self.value, self.ours, self.baseline)) or self.repeats < 1:
            raise ValueError(f"{self.id}: {self} is no measurement")


@dataclass(frozen=True)
class Result:
    """A figure with what was measured for it, or with why nothing was."""

    figure: Figure
    measured: Measured | None
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept; what could not be measured keeps none."""
        return self.measured is not None and self.figure.holds(self.measured.value)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the results file; ``error`` is there only where there is one."""
        found = self.measured
        entry = {
            "id": self.figure.id,
            "value": found and round(found.value, 4),
            "goal": self.figure.goal,
            "holds": self.holds,
            "ours": found and round(found.ours, 4),
            "baseline": found and round(found.baseline, 4),
            "unit": self.figure.unit,
            "repeats": found.repeats if found else 0,
        }
        return entry | ({"error": self.error} if self.error else {})


def ratio(figure: str, ours: Sequence[float], baseline: Sequence[float]) -> Measured:
    """Return the medians of two sides that took turns, and the first divided by the second.

    Raises:
        ValueError: a side was not measured as often as the other, or the baseline is nothing.
    """
    if len(ours) != len(baseline) or not ours:
        raise ValueError(f"{figure}: {len(ours)} measurements against {len(baseline)}")
    mine, other = median(ours), median(baseline)
    if other <= 0:
        raise ValueError(f"{figure}: the baseline is {other}")
    return Measured(figure, mine / other, mine, other, len(ours))


def times_faster(figure: str, ours: Sequence[float], baseline: Sequence[float]) -> Measured:
    """Return the medians of two sides that took turns, and how many times faster the first one is."""
    found = ratio(figure, baseline, ours)
    return Measured(figure, found.value, ours=found.baseline, baseline=found.ours, repeats=found.repeats)


def absolute(figure: str, ours: Sequence[float], baseline: Sequence[float]) -> Measured:
    """Return the medians of two sides where the promise is about ours alone, and the baseline is for comparison."""
    found = ratio(figure, ours, baseline)
    return Measured(figure, found.ours, found.ours, found.baseline, found.repeats)


def worst(figure: str, found: Iterable[Measured]) -> Measured:
    """Return the one with the greatest value, under the id of the figure that it stands for."""
    greatest = max(found, key=lambda one: one.value)
    return Measured(figure, greatest.value, greatest.ours, greatest.baseline, greatest.repeats)


def results(figures: Iterable[Figure], found: Iterable[Measured], error: str) -> list[Result]:
    """Return a result for every figure, also for one that was not measured: that is an error and never left out."""
    by_id = {one.id: one for one in found}
    return [
        Result(one, by_id.get(one.id), "" if one.id in by_id else error or "the benchmark did not measure it")
        for one in figures
    ]


def table(rows: Sequence[Result]) -> str:
    """Return a table in Markdown; errors stand below it."""
    lines = [
        "| | figure | value | goal | holds | ours | baseline | unit | repeats |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        goal = f"{'≥' if row.figure.at_least else '≤'} {row.figure.goal:g}"
        found = row.measured
        numbers = (
            (_told(found.value), goal, "yes" if row.holds else "**no**", _told(found.ours), _told(found.baseline))
            if found
            else ("**error**", goal, "**no**", "", "")
        )
        shown = (row.figure.id, row.figure.what, *numbers, row.figure.unit, str(found.repeats if found else 0))
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join([*lines, *(f"\n{row.figure.id} could not be measured: {row.error}" for row in rows if row.error)])


def _told(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def keep(path: Path, rows: Sequence[Result]) -> None:
    """Write the results file; figures that were not asked for this time stay as they were in it."""
    entries: dict[str, Mapping[str, Any]] = {}
    if path.exists():
        entries = {entry["id"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))}
    entries |= {row.figure.id: row.as_json() for row in rows}
    path.write_text(json.dumps([entries[name] for name in sorted(entries)], indent=1) + "\n", encoding="utf-8")


def dump(found: Iterable[Measured], path: Path) -> None:
    """Write what a benchmark measured, for the process that asked for it."""
    path.write_text(json.dumps([one.__dict__ for one in found]), encoding="utf-8")


def load(path: Path) -> list[Measured]:
    """Return what ``dump`` wrote; nothing where it wrote nothing."""
    if not path.exists() or not path.stat().st_size:
        return []
    return [Measured(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
