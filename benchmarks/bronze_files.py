"""How long bronze_ingest_iot takes, and how much memory, for many small files or one big one.

Runs the real job by spark-submit on ``local[2]`` with the driver's memory that every job of ours has, in a folder of
its own that is removed afterwards. ``make bench-files``, or with the jobs' Python:
``python -m benchmarks.bronze_files --files 100000`` and ``--bytes 2000000000``.

Memory is the proportional set (PSS: shared pages are counted once) of the driver's JVM, its Python and its Python
workers, summed, sampled twice a second.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import submitted
from benchmarks.bronze_records import land_big, land_long, land_small
from smart_logistics.jobs import submit
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT
from smart_logistics.lake import spark_conf

_SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Measured:
    """One run of the job: what it said, how long it took and computed, its greatest memory by kind, in MB."""

    result: dict[str, object]
    seconds: float
    cpu_seconds: float
    peak_mb: float
    peak_jvm_mb: float
    peak_python_mb: float


def run_job(home: Path) -> Measured:
    """Submit the job on ``home``'s landing folder and watch it."""
    properties = home / "spark.conf"
    jars = submitted.jars()
    conf = spark_conf.job_properties(jars, home / "scratch")
    python = str(Path(submit.SPARK_SUBMIT).with_name("python"))
    conf |= spark_conf.cluster_properties("local[2]", python=python, cores=2)
    properties.write_text(spark_conf.render(conf))
    arguments = BRONZE_INGEST_IOT.arguments(
        run_id="benchmark", lakehouse=str(home / "lakehouse"), landing=str(home / "landing"), setting=lambda _: "0"
    )
    command = submit.command(
        BRONZE_INGEST_IOT, master="local[2]", properties_file=str(properties), name="benchmark", arguments=arguments
    )
    log = home / "driver.log"
    began = time.monotonic()
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=submit.environment(BRONZE_INGEST_IOT, source_dsn=None), stdout=output, stderr=subprocess.STDOUT
        ) as driver,
    ):
        peaks = _watched(driver)
    seconds = time.monotonic() - began
    text = log.read_text(errors="replace")
    found = [line for line in text.splitlines() if line.startswith("LOGISTICS_RESULT ")]
    if driver.returncode or not found:
        sys.exit(f"the job ended with {driver.returncode}:\n{text[-4000:]}")
    return Measured(json.loads(found[-1].partition(" ")[2]), seconds, *peaks)


def _watched(driver: subprocess.Popen[bytes]) -> tuple[float, float, float, float]:
    """Wait for the driver; return its processor seconds and the peaks of all, of the JVM and of Python, in MB."""
    peaks = (0.0, 0.0, 0.0)
    busy: dict[int, float] = {}
    while driver.poll() is None:
        jvm, python = _memory(driver.pid, busy)
        peaks = (max(peaks[0], jvm + python), max(peaks[1], jvm), max(peaks[2], python))
        time.sleep(_SAMPLE_SECONDS)
    return (sum(busy.values()), *peaks)


def _memory(pid: int, busy: dict[int, float]) -> tuple[float, float]:
    """Return what the JVM and what Python hold now; note in ``busy`` how long each process has computed."""
    jvm = python = 0.0
    try:
        processes = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    for process in processes:
        try:
            held = process.memory_full_info().pss / 1e6
            times = process.cpu_times()
            busy[process.pid] = times.user + times.system
            if process.name() == "java":
                jvm += held
            else:
                python += held
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it ended meanwhile
    return jvm, python


@contextmanager
def home(parent: Path | None) -> Iterator[Path]:
    """Give a folder with a landing folder in it; remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bronze-files-", dir=parent))
    (folder / "landing").mkdir()
    (folder / "scratch").mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def tell(what: str, landed: int, found: Measured) -> None:
    """Print one line of figures."""
    rows = found.result["rows"]
    print(
        f"{what}: {landed / 1e6:,.0f} MB, {rows:,} records, {found.seconds:.0f} s"
        f" ({found.cpu_seconds:.0f} s of processor),"
        f" peak {found.peak_mb:,.0f} MB (JVM {found.peak_jvm_mb:,.0f}, Python {found.peak_python_mb:,.0f});"
        f" files {found.result['files']}",
        flush=True,
    )


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=0, help="so many small files")
    parser.add_argument("--bytes", type=int, default=0, help="one file of lines of so many bytes")
    parser.add_argument("--array-bytes", type=int, default=0, help="one array without a line end of so many bytes")
    parser.add_argument("--long-records", type=int, default=0, help="one file of so many records of 10 MB")
    parser.add_argument(
        "--in", dest="parent", type=Path, help="where to work (default: the folder for temporary files)"
    )
    wanted = parser.parse_args()
    if wanted.files:
        with home(wanted.parent) as folder:
            landed = land_small(folder / "landing", wanted.files)
            tell(f"{wanted.files:,} files", landed, run_job(folder))
    for size, array in ((wanted.bytes, False), (wanted.array_bytes, True)):
        if size:
            with home(wanted.parent) as folder:
                landed = land_big(folder / "landing", size, array=array)
                tell("one array" if array else "one file", landed, run_job(folder))
    if wanted.long_records:
        with home(wanted.parent) as folder:
            landed = land_long(folder / "landing", wanted.long_records)
            tell(f"{wanted.long_records} records of 10 MB", landed, run_job(folder))


if __name__ == "__main__":
    main()
