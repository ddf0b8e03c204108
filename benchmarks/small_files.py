"""P5: seconds for 1,000 small files of a hundred thousand, with a million files seen before and with none.

The same files of five readings come to two lakehouses; the file log of one of them holds a million other files. In it
every content that comes is looked for. ``bronze_ingest_iot`` is submitted as the DAG does it. The log is written in
bulk, in as many files as compaction leaves: what it says of each file is what the job says.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from datetime import timedelta
from hashlib import md5
from pathlib import Path

from benchmarks import figures, rounds, submitted
from benchmarks.bronze_records import land_small
from smart_logistics.contracts.bronze import PROCESSED_FILES_LOG
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT
from smart_logistics.lake import tables

FILES, SEEN = 100_000, 1_000_000
SMALL_FILES, SMALL_SEEN = 1_000, 10_000
_PARTS = 20
_FIRST_STAMP = 1_700_000_000_000_000


def fill_log(lakehouse: Path, count: int) -> None:
    """Write the log of ``count`` files that were taken, one after the other, in hours past."""
    each = -(-count // _PARTS)
    for part in range(_PARTS):
        stamp = _FIRST_STAMP + part * 3_600_000_000
        rows = [_entry(number, stamp) for number in range(part * each, min(count, (part + 1) * each))]
        with tables.writing(str(lakehouse), PROCESSED_FILES_LOG):
            tables.append_rows(str(lakehouse), PROCESSED_FILES_LOG, rows, app=BRONZE_INGEST_IOT.name, stamp=stamp)


def _entry(number: int, stamp: int) -> dict[str, object]:
    at = tables.instant(stamp) - timedelta(seconds=1)
    name = f"iot_telemetry_{at:%Y%m%d_%H%M%S}_{number:07}.json"
    return {
        "file_name": name,
        "file_path": f"archive/{at:%Y/%m/%d}/{name}",
        "file_size_bytes": 700 + number % 100,
        "record_count": 5,
        "rejected_count": 0,
        "checksum_md5": md5(name.encode(), usedforsecurity=False).hexdigest(),
        "processed_at": tables.instant(stamp),
        "run_id": f"scheduled__{at:%Y-%m-%dT%H}",
        "status": "LOADED",
    }


def main() -> None:
    """Measure."""
    parser = rounds.options(__doc__, rounds=3)
    parser.add_argument("--files", type=int, help=f"small files that come (default: {FILES:,})")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
        _measure(wanted, Path(folder))


def _measure(wanted: argparse.Namespace, folder: Path) -> None:
    files = wanted.files or (SMALL_FILES if wanted.small else FILES)
    seen = SMALL_SEEN if wanted.small else SEEN
    (folder / "landed").mkdir()
    land_small(folder / "landed", files)
    fill_log(folder / "seen", seen)
    rounds.say(f"{files:,} files, and a log of {seen:,}")
    with_seen, with_none = f"{seen:,} files seen before", "none seen before"
    sides = {
        with_seen: lambda _: _ingest(folder, files, folder / "seen"),
        with_none: lambda _: _ingest(folder, files, None),
    }
    found = rounds.measured(sides, wanted)
    figures.dump([figures.ratio("P5", found[with_seen], found[with_none])], wanted.out)


def _ingest(folder: Path, files: int, before: Path | None) -> float:
    """Let the files come to a lakehouse; return the seconds for a thousand of them."""
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    if before is not None:
        shutil.copytree(before, place / submitted.LAKEHOUSE)
    shutil.copytree(folder / "landed", place / submitted.LANDING)
    done = submitted.run(BRONZE_INGEST_IOT, place, SETTLE_SECONDS="0")
    if done.told["files"] != {"LOADED": files, "DUPLICATE": 0, "FAILED": 0}:
        raise RuntimeError(f"not every file was loaded: {done.told}")
    return done.seconds * 1000 / files


if __name__ == "__main__":
    main()
