"""The warm session for real: a server of its own, and the jobs' processes that talk to it by Spark Connect."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from smart_logistics.errors import SessionUnusable
from smart_logistics.jobs import catalog, marks, warm
from smart_logistics.jobs.warm_session import Idle
from tests.spark.jobs.warm_server import Server, serving

READINGS = 40
# Beats as long as it runs, in a task of the executor.
BEATING = """
import sys, time
from smart_logistics.lake.session import open_session

place = sys.argv[1]

def beat(batches):
    for batch in batches:
        for number in range(600):
            with open(place, "w") as file:
                file.write(str(number))
            time.sleep(0.1)
        yield batch

open_session("beating").range(1).mapInArrow(beat, "id bigint").collect()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as one:
        yield one


def land(folder: Path) -> None:
    (folder / "landing").mkdir()
    now = datetime.now(UTC) - timedelta(hours=1)
    records = [
        {"truck_id": f"MH 12 AB {n % 5}", "timestamp": (now + timedelta(seconds=n)).isoformat(), "temperature": 4.0}
        for n in range(READINGS)
    ]
    lines = [*map(json.dumps, records), "no JSON"]
    (folder / "landing" / "iot_telemetry_20260101_000000_a.json").write_text("\n".join(lines))


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith(marks.RESULT))
    found: dict[str, object] = json.loads(line.removeprefix(marks.RESULT))
    return found


def test_jobs_do_their_work_there(server: Server, tmp_path: Path) -> None:
    land(tmp_path)
    assert counts(server.run(catalog.BRONZE_INGEST_IOT, tmp_path))["rows"] == READINGS
    found = counts(server.run(catalog.SILVER_IOT, tmp_path))
    assert (found["rows"], found["rejected"]) == (READINGS, 0)
    rows = DeltaTable(str(tmp_path / "lakehouse" / "silver" / "iot_telemetry")).to_pyarrow_table()
    assert rows.num_rows == READINGS
    letters = DeltaTable(str(tmp_path / "lakehouse" / "bronze" / "rejected_records")).to_pyarrow_table()
    assert letters["rejection_reason"].to_pylist() == ["MALFORMED_JSON"]
    # Which job and run it worked for, and when there was none.
    assert server.said(" silver_iot r is here")
    assert server.said("nobody is here")


def test_what_a_killed_process_had_running_is_cancelled(server: Server, tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    script = tmp_path / "beating.py"
    script.write_text(BEATING)
    with subprocess.Popen([sys.executable, str(script), str(beats)], env=server.environment()) as process:
        end = time.monotonic() + 120
        while not beats.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert beats.exists()
        process.send_signal(signal.SIGKILL)
    assert server.said(" beating is gone: its session ends")
    still = beats.stat().st_mtime
    end = time.monotonic() + 30
    while time.time() - still < 3 and time.monotonic() < end:
        time.sleep(0.5)
        still = beats.stat().st_mtime
    assert time.time() - still >= 3, "its task still runs"


def test_who_does_not_know_the_token_is_not_let_in(server: Server, tmp_path: Path) -> None:
    stranger = Server(server.process, warm.Session(server.session.remote, "local[2]", "another"), server.log)
    done = stranger.run(catalog.SILVER_IOT, tmp_path)
    assert done.returncode == SessionUnusable.exit_code
    assert "does not open" in done.stdout


def test_a_job_on_a_server_that_dies_ends_with_the_code_that_asks_for_a_driver(server: Server, tmp_path: Path) -> None:
    land(tmp_path)
    server.process.kill()
    server.process.wait()
    done = server.run(catalog.BRONZE_INGEST_IOT, tmp_path)
    assert done.returncode == SessionUnusable.exit_code
    assert not (tmp_path / "lakehouse").exists()


def test_it_starts_again_for_an_archive_that_came_later_when_nobody_has_come_for_long(tmp_path: Path) -> None:
    archive = tmp_path / "classes.jsa"
    before = time.time() - 60
    idle = Idle(archive, started=before, since=1000.0)
    assert not idle.is_time(1e6)  # it is not made yet
    archive.touch()
    assert idle.is_time(1e6)
    assert not idle.is_time(1010.0)  # somebody was here ten seconds ago
    assert not Idle(archive, started=time.time() + 60, since=1000.0).is_time(1e6)  # it has it already
    assert not Idle(None, started=before, since=1000.0).is_time(1e6)
