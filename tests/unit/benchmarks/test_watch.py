from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks import watch
from benchmarks.rounds import interleaved
from benchmarks.watch import Seen, covered, descendants, is_driver, watching

JOB = "/product/jobs/silver_iot.py"


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [
        ([], 0.0),
        ([(2.0, 4.0)], 2.0),
        ([(0.0, 4.0), (8.0, 99.0)], 5.0),  # cut at both ends of the span 1..10
        ([(2.0, 6.0), (3.0, 4.0), (5.0, 8.0)], 6.0),  # side by side and within each other
        ([(20.0, 30.0)], 0.0),
    ],
)
def test_time_with_a_driver_is_counted_once(intervals: list[tuple[float, float]], seconds: float) -> None:
    assert covered(intervals, 1.0, 10.0) == pytest.approx(seconds)
    seen = Seen(drivers=dict(enumerate(intervals)))
    assert seen.drivers_missing(1.0, 10.0) == pytest.approx(9.0 - seconds)


@pytest.mark.parametrize(
    ("command", "driver"),
    [
        (f"/jvm/bin/java -cp x org.apache.spark.deploy.SparkSubmit --master m {JOB} --run-id r", True),
        (f"/venv/bin/python3.11 {JOB} --run-id r", True),
        (f"/venv/bin/python -IS /product/jobs/tether.py 7 /venv/bin/spark-submit {JOB}", False),
        (f"bash /venv/bin/spark-submit --master m {JOB}", False),
        (f"/jvm/bin/java -cp x org.apache.spark.launcher.Main org.apache.spark.deploy.SparkSubmit {JOB}", False),
        ("/jvm/bin/java org.apache.spark.deploy.SparkSubmit --class org.apache.spark.sql.connect.Server", False),
        ("", False),
    ],
)
def test_only_what_runs_the_job_is_a_driver(command: str, driver: bool) -> None:
    assert is_driver(command.split(), {JOB}) is driver


def test_descendants_are_found_and_weighed_while_they_live() -> None:
    nested = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytes(range(250)) * 360_000; input()'])"
    )
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE) as child:
        with watching([child.pid], ()) as seen:
            deadline = time.monotonic() + 60
            while seen.peak_bytes < 90_000_000 and time.monotonic() < deadline:
                time.sleep(0.1)
        assert len(descendants([child.pid])) == 2
        assert child.pid in descendants([os.getpid()])
        child.communicate(b"\n")
    assert seen.peak_bytes >= 90_000_000


def test_a_driver_is_there_from_its_start_to_its_end_and_not_from_look_to_look(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("import time; time.sleep(0.3)")
    # As a tether does, something else is there first, and becomes the job.
    first = f"import os, sys, time; time.sleep(0.5); os.execv(sys.executable, [sys.executable, '{script}'])"
    with watching([os.getpid()], {str(script)}) as seen:
        for command in (["-c", first], [str(script)]):
            began = time.time()
            with subprocess.Popen([sys.executable, *command]) as process:
                process.wait()
            ended = time.time()
            start, end = seen.drivers[process.pid]
            assert began + (0.5 - 0.25 if command[0] == "-c" else 0.0) - 0.02 <= start <= end - 0.2
            assert ended - 0.15 <= end <= ended + 0.25
            if command[0] != "-c":
                assert start <= began + 0.1


def test_a_driver_that_is_gone_before_it_was_looked_at_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: int) -> float:
        raise FileNotFoundError

    monkeypatch.setattr(watch, "_started", gone)
    script = tmp_path / "job.py"
    script.write_text("import time; time.sleep(0.5)")
    with watching([os.getpid()], {str(script)}) as seen:
        subprocess.run([sys.executable, str(script)], check=True)
    assert seen.drivers == {}


def test_sides_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[tuple[str, int]] = []

    def side(name: str, number: int) -> int:
        order.append((name, number))
        return number

    found = interleaved({name: lambda n, name=name: side(name, n) for name in ("ours", "theirs")}, 2)  # type: ignore[misc]
    assert found == {"ours": [0, 1], "theirs": [0, 1]}
    assert [name for name, _ in order] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
