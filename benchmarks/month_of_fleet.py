"""P4: the next day of a fleet with 30 days of history, beside a naive pipeline: full refresh and MERGE by key alone.

Our side are the three jobs from the landing folder to Gold, as in P3, over a lakehouse that holds the days before. The
other side works through all days again (``naive_refresh``), untuned, with the same memory. Both end with the same rows
in Gold and, for the new day, in Silver; where they do not, nothing is measured.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks import figures, fleet_day, month_history, rounds, submitted
from benchmarks.day_of_fleet import JOBS, MEMORY, READINGS
from benchmarks.same_results import differences
from smart_logistics.contracts.silver import IOT_TELEMETRY

DAYS = 30
SMALL_READINGS, SMALL_DAYS = 14_400, 2
_NAIVE = Path(__file__).with_name("naive_refresh.py")


def main() -> None:
    """Measure."""
    parser = rounds.options(__doc__, rounds=1)
    parser.add_argument("--readings", type=int, help=f"of a day (default: {READINGS:,})")
    parser.add_argument("--days", type=int, help=f"of history (default: {DAYS})")
    parser.add_argument("--memory", default=MEMORY, help="of each driver (default: %(default)s)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-month-") as folder:
        _measure(wanted, Path(folder))


def _measure(wanted: argparse.Namespace, folder: Path) -> None:
    trucks = max(1, (wanted.readings or (SMALL_READINGS if wanted.small else READINGS)) // fleet_day.MINUTES)
    days = wanted.days or (SMALL_DAYS if wanted.small else DAYS)
    month_history.fill(folder, trucks, [fleet_day.midnight(n) for n in range(days + 1, 1, -1)])
    start = fleet_day.midnight(1)
    new = folder / "files" / f"{start:%Y-%m-%d}"
    fleet_day.land(new, trucks, start)
    fleet_day.carry(folder / "ours", trucks, {start: month_history.stamp_of(start)}, masters=False)
    archive = submitted.archived(folder)
    sides = {
        "the jobs": lambda _: _ours(folder, new, wanted.memory, archive, most_shipments=2 * trucks * fleet_day.A_TRUCK),
        "the naive pipeline": lambda _: _naive(folder, wanted.memory),
    }
    # A warm-up would take as long as the measurement, and what it would warm is a small part of that.
    found = rounds.interleaved(sides, 1 if wanted.small else wanted.rounds, warm_up=0)
    where = {IOT_TELEMETRY: f"reading_date = DATE '{start:%Y-%m-%d}'"}
    differing = differences(folder / "run" / submitted.LAKEHOUSE, folder / "refreshed", where=where)
    if differing:
        raise RuntimeError("the results differ: " + "; ".join(differing))
    rounds.say("the results are the same")
    figures.dump([figures.times_faster("P4", found["the jobs"], found["the naive pipeline"])], wanted.out)


def _ours(folder: Path, new: Path, memory: str, archive: Path | None, *, most_shipments: int) -> float:
    place = folder / "run"
    month_history.copied(folder / "ours", place / submitted.LAKEHOUSE)
    for name in (submitted.LANDING, "archive", "failed", "processing"):
        shutil.rmtree(place / name, ignore_errors=True)
    shutil.copytree(new, place / submitted.LANDING)
    total = 0.0
    for job in JOBS:
        done = submitted.run(job, place, memory=memory, archive=archive, many_rows=True, SETTLE_SECONDS="0")
        rounds.say(f"{job.name}, peak {done.peak_bytes / 1e9:.1f} GB, {dict(done.told)}", done.seconds)
        total += done.seconds
        if int(done.told.get("shipments", 0)) > most_shipments:
            raise RuntimeError(f"the history is not as a month of runs leaves it: {done.told} for a day's news")
    return total


def _naive(folder: Path, memory: str) -> float:
    month_history.copied(folder / "naive", folder / "refreshed")
    words = [str(folder / "files"), str(folder / "ours"), str(folder / "refreshed")]
    return submitted.run_script(_NAIVE, words, folder, memory=memory)


if __name__ == "__main__":
    main()
