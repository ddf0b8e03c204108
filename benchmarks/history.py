"""P2: what an hour costs with a year of history against one day: time, files opened, rows written, job by job.

Two lakehouses hold the same last day; one of them 364 days before it, too; each has a source database that holds what
its Bronze does. The same hour comes to a copy of each (3,000 readings of 50 trucks, 50 shipments that change), and the
six jobs run over it one after the other in one session that is warm, round by round in turn: a job's start, which costs
the same however long the history is, must not hide what grows. Files are counted by inotify, so that whoever opens them
is seen: Spark, Arrow or delta-rs.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from pyspark.sql import SparkSession
from tests.postgres import running

from benchmarks import figures, history_source, rounds, submitted
from benchmarks.history_hour import READINGS, ROWS_CHANGED, next_hour
from benchmarks.history_lake import HOLD_MINUTES, fill
from benchmarks.opened import Opened, watching
from smart_logistics.jobs import (
    bronze_ingest_iot,
    bronze_ingest_sql,
    data_quality_check,
    gold_aggregate,
    silver_iot,
    silver_transactional,
)
from smart_logistics.jobs.runner import Context
from smart_logistics.jobs.submit import SOURCE_DSN
from smart_logistics.lake.spark_conf import job_properties
from smart_logistics.lake.store import Lake

RESULTS = Path(__file__).with_name("results-history.json")
JOBS: Mapping[str, Callable[[Context], Mapping[str, object]]] = {
    "bronze_ingest_sql": bronze_ingest_sql.run,
    "bronze_ingest_iot": bronze_ingest_iot.run,
    "silver_transactional": silver_transactional.run,
    "silver_iot": silver_iot.run,
    "gold_aggregate": gold_aggregate.run,
    "data_quality_check": data_quality_check.run,
}
SETTINGS = {
    "DELETE_CHECK_HOURS": 24,
    "MAX_DELETE_PERCENT": 20,
    "FULL_READ": 0,
    "SETTLE_SECONDS": 0,
    "MAX_CLOCK_SKEW_MINUTES": 10,
    "HOLD_MINUTES": HOLD_MINUTES,
}
SMALL_DAYS = 8
_LOGS = frozenset({"_delta_log", "_digests", "_commits"})


@dataclass(frozen=True)
class Cost:
    """What one job did: data files opened, their bytes, log files opened and theirs, rows in the files it added.

    Logs are Delta's, and what the lakehouse keeps beside the tables (digests, copies of commits).
    """

    files: int
    bytes: int
    log_files: int
    log_bytes: int
    rows_written: int
    seconds: float


@dataclass(frozen=True)
class Place:
    """A lakehouse with its source database; the hour comes to copies of it."""

    root: Path
    dsn: str


def main() -> None:
    """Measure and print."""
    parser = rounds.options(__doc__, rounds=5)
    parser.add_argument("--days", type=int, help="of history (default: 365)")
    wanted = parser.parse_args()
    days = wanted.days or (SMALL_DAYS if wanted.small else 365)
    with tempfile.TemporaryDirectory(prefix="bench-history-") as name, running() as server:
        folder = Path(name)
        spark = _session(folder)
        # It ends at a midnight at least an hour ago: the hour that comes is over, and looks at the day before it.
        now = (datetime.now(UTC) - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        places = {n: Place(folder / f"{n}-days", server.new_database(f"days_{n}")) for n in (1, days)}
        for n, place in places.items():
            _fill(spark, place, n, now)
        sides = {
            f"{n} day(s)": lambda _, place=place: _hour(spark, place, folder / "copy", now)
            for n, place in places.items()
        }
        one, many = rounds.measured(sides, wanted).values()
        spark.stop()
    table = {name: {n: _median([cost[name] for cost in of]) for n, of in ((1, one), (days, many))} for name in JOBS}
    RESULTS.write_text(json.dumps({n: {d: c.__dict__ for d, c in of.items()} for n, of in table.items()}, indent=1))
    _show(table, days)
    jobs = [figures.ratio(f"P2.{name}", *(_seconds(of, [name]) for of in (many, one))) for name in JOBS]
    whole = figures.ratio("P2.whole", *(_seconds(of, list(JOBS)) for of in (many, one)))
    figures.dump([figures.worst("P2", [*jobs, whole]), whole, *jobs], wanted.out)


def _seconds(rounds_of: list[dict[str, Cost]], names: list[str]) -> list[float]:
    return [sum(cost[name].seconds for name in names) for cost in rounds_of]


def _fill(spark: SparkSession, place: Place, days: int, now: datetime) -> None:
    """Fill a lakehouse and its source, then let the jobs run once, as they did in every hour before.

    What they count once for each day is counted then, and the extraction has its fences.
    """
    began = time.monotonic()
    fill(place.root / "lakehouse", days, now)
    history_source.fill(place.dsn, place.root / "lakehouse")
    (place.root / "landing").mkdir()
    _run(spark, place.root, place.dsn, "before")
    rounds.say(f"filled {days} day(s)", time.monotonic() - began)


def _session(folder: Path) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' Python; else the first on PATH
    builder = SparkSession.builder.master("local[2]").appName("bench-history")
    for key, value in job_properties(submitted.jars(), folder / "spark").items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _hour(spark: SparkSession, place: Place, copy: Path, now: datetime) -> dict[str, Cost]:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place.root, copy)
    next_hour(copy / "landing", place.dsn, now)
    # The copy of a year is ten times as large, and the kernel writing it would be there beside the jobs.
    os.sync()
    costs, told = _run(spark, copy, place.dsn, "run")
    if told["bronze_ingest_iot"]["rows"] != READINGS or told["bronze_ingest_sql"]["rows"] < ROWS_CHANGED:
        raise RuntimeError(f"the hour did not come as it should: {told}")
    return costs


def _run(
    spark: SparkSession, root: Path, dsn: str, run_id: str
) -> tuple[dict[str, Cost], dict[str, Mapping[str, Any]]]:
    costs: dict[str, Cost] = {}
    told: dict[str, Mapping[str, Any]] = {}
    os.environ[SOURCE_DSN] = dsn
    for name, job in JOBS.items():
        lake = Lake(spark, str(root / "lakehouse"), name)
        before = set(Path(lake.root).rglob("_delta_log/*.json"))
        with watching(Path(lake.root)) as opened:
            begun = time.monotonic()
            told[name] = job(Context(lake, run_id, str(root / "landing"), SETTINGS))
            seconds = time.monotonic() - begun
        print(f"    {name} {seconds:.1f} s {json.dumps(told[name])}", file=sys.stderr, flush=True)
        written = sum(_rows_added(path) for path in set(Path(lake.root).rglob("_delta_log/*.json")) - before)
        costs[name] = Cost(*_sizes(opened, log=False), *_sizes(opened, log=True), written, seconds)
    return costs, told


def _sizes(opened: Opened, *, log: bool) -> tuple[int, int]:
    """Return how many files that were there before the job were opened by it, and their bytes."""
    sizes = [size for path, size in opened.sizes.items() if any(part in _LOGS for part in path.parts) == log]
    return len(sizes), sum(sizes)


def _rows_added(commit: Path) -> int:
    actions = [json.loads(line) for line in commit.read_text("utf-8").splitlines() if line]
    return sum(
        json.loads(action["add"].get("stats") or "{}").get("numRecords", 0) for action in actions if "add" in action
    )


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in Cost.__dataclass_fields__))


def _show(table: Mapping[str, Mapping[int, Cost]], days: int) -> None:
    names = list(Cost.__dataclass_fields__)
    print(f"| job | measure | 1 day | {days} days | ratio |\n| --- | --- | --- | --- | --- |")
    for job, of in table.items():
        for name in names:
            one, many = (getattr(of[n], name) for n in (1, days))
            print(f"| {job} | {name} | {_told(one)} | {_told(many)} | {many / one if one else 1:.2f} |")


def _told(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) and value != int(value) else f"{value:,.0f}"


if __name__ == "__main__":
    main()
