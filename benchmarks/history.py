"""What an hour costs with a year of history against one day: files opened, rows written, time, job by job.

Two lakehouses hold the same last day; one of them 364 days before it, too. The same hour comes to a copy of each (3,000
readings of 50 trucks, 50 shipments that change), and Silver, Gold and the gate run over it, round by round in turn.
Files are counted by inotify, so that whoever opens them is seen: Spark, Arrow or delta-rs.

``make bench-history``; the table is in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.history_hour import next_hour
from benchmarks.history_lake import HOLD_MINUTES, fill
from benchmarks.opened import Opened, watching
from smart_logistics import settings
from smart_logistics.jobs import data_quality_check, gold_aggregate, silver_iot, silver_transactional
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.spark_conf import job_properties
from smart_logistics.lake.store import Lake

RESULTS = Path(__file__).with_name("results-history.json")
JOBS: Mapping[str, Callable[[Context], Mapping[str, object]]] = {
    "silver_transactional": silver_transactional.run,
    "silver_iot": silver_iot.run,
    "gold_aggregate": gold_aggregate.run,
    "data_quality_check": data_quality_check.run,
}
SETTINGS = {"MAX_CLOCK_SKEW_MINUTES": 10, "HOLD_MINUTES": HOLD_MINUTES}
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lakes", type=Path, help="where the two lakehouses are made, or were made before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-history-") as folder:
        lakes = arguments.lakes or Path(folder)
        made = {days: lakes / f"{days}-days" for days in (1, arguments.days)}
        spark = _session(Path(folder))
        now = _filled(spark, made, lakes / "now")
        costs: dict[int, dict[str, list[Cost]]] = {days: defaultdict(list) for days in made}
        for number in range(arguments.rounds + 1):
            for days, root in made.items():
                for name, cost in _hour(spark, root, Path(folder) / "copy", now).items():
                    if number:  # the first round warms up
                        costs[days][name].append(cost)
        spark.stop()
    table = {name: {days: _median(costs[days][name]) for days in made} for name in JOBS}
    RESULTS.write_text(json.dumps({n: {d: c.__dict__ for d, c in of.items()} for n, of in table.items()}, indent=1))
    _show(table, arguments.days)


def _filled(spark: SparkSession, made: Mapping[int, Path], mark: Path) -> datetime:
    """Fill the lakehouses unless they are, and return the moment at which their last day ends.

    It ends at a midnight at least an hour ago: the hour that comes is over, and looks at the day before it, which both
    lakehouses have. Then the jobs run once, as they did in every hour before: what they count once for each day is
    counted.
    """
    if not mark.exists():
        now = (datetime.now(UTC) - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        for days, root in made.items():
            fill(root, days, now)
            for name, job in JOBS.items():
                job(Context(Lake(spark, str(root), name), "before", "", SETTINGS))
            print(f"filled {days} day(s)", file=sys.stderr, flush=True)
        mark.write_text(now.isoformat())
    return datetime.fromisoformat(mark.read_text())


def _session(folder: Path) -> SparkSession:
    builder = SparkSession.builder.master("local[2]").appName("bench-history")
    for key, value in job_properties(settings.load().home / "jars", folder / "spark").items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _hour(spark: SparkSession, root: Path, copy: Path, now: datetime) -> dict[str, Cost]:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy)
    next_hour(copy, now)
    return {name: _measured(Lake(spark, str(copy), name), job) for name, job in JOBS.items()}


def _measured(lake: Lake, job: Callable[[Context], Mapping[str, object]]) -> Cost:
    before = set(Path(lake.root).rglob("_delta_log/*.json"))
    with watching(Path(lake.root)) as opened:
        begun = time.monotonic()
        found = job(Context(lake, "run", "", SETTINGS))
        seconds = time.monotonic() - begun
    print(lake.job, f"{seconds:.1f} s", json.dumps(found), file=sys.stderr, flush=True)
    written = sum(_rows_added(path) for path in set(Path(lake.root).rglob("_delta_log/*.json")) - before)
    return Cost(*_sizes(opened, log=False), *_sizes(opened, log=True), written, seconds)


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
