"""The figures that are promised, and who measures them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from benchmarks.figures import Figure
from smart_logistics.jobs.catalog import PIPELINE

AIRFLOW, SPARK = ".venv", ".venv-spark"


@dataclass(frozen=True)
class Benchmark:
    """A module that measures ``figures`` in the Python of ``environment``; ``options`` are further ones it takes."""

    module: str
    environment: str
    figures: tuple[Figure, ...]
    options: tuple[str, ...] = ()


BENCHMARKS = (
    Benchmark(
        "benchmarks.hourly_run",
        AIRFLOW,
        (
            Figure("P1", "an hourly run through Airflow ÷ one stock spark-submit", 1.0, "s"),
            Figure("P6", "peak memory of an hourly run; baseline: of the stock spark-submit", 4.0, "GB"),
            Figure("P8", "time of the run without a job's process ÷ the run", 0.1, "s"),
            Figure("P1.classic", "the same with a driver for each job", 1.0, "s"),
            Figure("P6.classic", "the same with a driver for each job", 4.0, "GB"),
            Figure("P8.classic", "the same with a driver for each job", 0.1, "s"),
        ),
    ),
    Benchmark(
        "benchmarks.history",
        SPARK,
        (
            Figure("P2", "an hour with 365 days of history ÷ with 1: the worst of the whole and of each job", 1.1, "s"),
            Figure("P2.whole", "the six jobs together", 1.1, "s"),
            *(Figure(f"P2.{name}", name, 1.1, "s") for name in PIPELINE),
        ),
        ("days",),
    ),
    Benchmark(
        "benchmarks.day_of_fleet",
        AIRFLOW,
        (Figure("P3", "a day of 5,000 trucks, landing → Gold ÷ DuckDB and delta-rs", 0.5, "rows/s", at_least=True),),
        ("readings", "memory"),
    ),
    Benchmark(
        "benchmarks.month_of_fleet",
        AIRFLOW,
        (Figure("P4", "times faster than a naive pipeline, with 30 days of history", 20.0, "s", at_least=True),),
        ("readings", "days", "memory"),
    ),
    Benchmark(
        "benchmarks.small_files",
        AIRFLOW,
        (Figure("P5", "1,000 small files with a million files seen before ÷ with none", 1.1, "s"),),
        ("files",),
    ),
    Benchmark(
        "benchmarks.start_up",
        AIRFLOW,
        (
            Figure("P7", "the first `logistics up`; baseline: `airflow standalone`", 60.0, "s"),
            Figure("P7.second", "`logistics up` after `down`; baseline: the first", 20.0, "s"),
            Figure("P7.again", "`logistics up` of a running stack; baseline: the first", 20.0, "s"),
        ),
    ),
)


def chosen(only: Collection[str]) -> list[tuple[Benchmark, tuple[Figure, ...]]]:
    """Return the benchmarks that are needed for ``only`` (ids as in P2; none = all), and the figures asked of each.

    Raises:
        ValueError: there is no such figure.
    """
    known = {figure.id.partition(".")[0] for one in BENCHMARKS for figure in one.figures}
    if unknown := sorted(set(only) - known):
        raise ValueError(f"there is no figure {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    wanted = [
        (one, tuple(figure for figure in one.figures if not only or figure.id.partition(".")[0] in only))
        for one in BENCHMARKS
    ]
    return [(one, figures) for one, figures in wanted if figures]
