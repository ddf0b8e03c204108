"""P3: a day of 5,000 trucks from the landing folder to Gold, rows a second beside DuckDB and delta-rs.

Our side are the three jobs that do it (``bronze_ingest_iot``, ``silver_iot``, ``gold_aggregate``), each submitted as
the DAG does it, with a class-data archive; the driver has the memory that driver and executor have on the stack. The
other side is one process of Python that does the same with DuckDB (``duckdb_day``). What is carried lies in Silver for
both. The results of the two are compared row by row, doubles to a millionth; where they differ, nothing is measured.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import figures, fleet_day, rounds, submitted
from benchmarks.same_results import differences
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT, GOLD_AGGREGATE, SILVER_IOT
from smart_logistics.settings import REPOSITORY

READINGS, SMALL_READINGS = 7_200_000, 72_000
MEMORY = "2g"
JOBS = (BRONZE_INGEST_IOT, SILVER_IOT, GOLD_AGGREGATE)
_BROUGHT = 1_700_000_000_000_000


def main() -> None:
    """Measure."""
    parser = rounds.options(__doc__, rounds=3)
    parser.add_argument("--readings", type=int, help=f"of the day (default: {READINGS:,})")
    parser.add_argument("--memory", default=MEMORY, help="of the driver (default: %(default)s)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-day-") as folder:
        _measure(wanted, Path(folder))


def _measure(wanted: argparse.Namespace, folder: Path) -> None:
    readings = wanted.readings or (SMALL_READINGS if wanted.small else READINGS)
    trucks = max(1, readings // fleet_day.MINUTES)
    start = fleet_day.midnight(1)
    records = fleet_day.land(folder / "landed", trucks, start)
    fleet_day.carry(folder / "carried", trucks, {start: _BROUGHT})
    rounds.say(f"{records:,} records of {trucks:,} trucks")
    archive = submitted.archived(folder)
    compared = False

    def ours(number: int) -> float:
        nonlocal compared
        seconds = _ours(folder, wanted.memory, archive)
        if not compared and (folder / "theirs").exists():
            _compare(folder)
            compared = True
        return seconds

    sides = {"DuckDB and delta-rs": lambda _: _theirs(folder), "the jobs": ours}
    found = rounds.measured(sides, wanted)
    if not compared:
        _compare(folder)
    mine, other = ([records / seconds for seconds in found[name]] for name in ("the jobs", "DuckDB and delta-rs"))
    figures.dump([figures.ratio("P3", mine, other)], wanted.out)


def _compare(folder: Path) -> None:
    differing = differences(folder / "ours" / submitted.LAKEHOUSE, folder / "theirs")
    if differing:
        raise RuntimeError("the results differ: " + "; ".join(differing))
    rounds.say("the results are the same")


def _ours(folder: Path, memory: str, archive: Path | None) -> float:
    place = folder / "ours"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "carried", place / submitted.LAKEHOUSE)
    shutil.copytree(folder / "landed", place / submitted.LANDING)
    total = 0.0
    for job in JOBS:
        done = submitted.run(job, place, memory=memory, archive=archive, many_rows=True, SETTLE_SECONDS="0")
        rounds.say(f"{job.name}, peak {done.peak_bytes / 1e9:.1f} GB, {dict(done.told)}", done.seconds)
        total += done.seconds
    return total


def _theirs(folder: Path) -> float:
    out = folder / "theirs"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.duckdb_day", str(folder / "landed"), str(folder / "carried"), str(out)]
    began = time.monotonic()
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
