"""P7: how long `logistics up` takes until all is healthy: in a new home, after a `down`, and of a running stack.

The jars are in the home, as `make install` leaves them. Beside it stands Airflow alone, as its introduction starts it:
`airflow standalone` in a new folder until its own page of health says that all is well; it has SQLite, no PostgreSQL
and no Spark.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from benchmarks import figures, rounds
from benchmarks.stack import Stack, of_its_own
from smart_logistics.settings import REPOSITORY

_HEALTHY_WITHIN = 600.0
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_OPENER = build_opener(ProxyHandler({}))


def ours() -> tuple[float, float, float]:
    """Start a new home, start it again, and ask for what runs already; return the seconds of the three."""
    with of_its_own() as stack:
        first = stack.must("up")
        stack.must("down")
        return first, stack.must("up"), stack.must("up")


def standalone() -> float:
    """Start Airflow alone in a new folder; return the seconds until it is healthy."""
    with tempfile.TemporaryDirectory(prefix="bench-airflow-") as folder:
        port, first_log_port, second_log_port = _free_ports(3)
        environment = Stack(Path(folder)).environment | {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(first_log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(second_log_port),
            "PATH": os.pathsep.join([str(REPOSITORY / ".venv" / "bin"), os.environ.get("PATH", os.defpath)]),
        }
        log, began = Path(folder) / "standalone.log", time.monotonic()
        command = [str(REPOSITORY / ".venv" / "bin" / "airflow"), "standalone"]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
            ) as airflow,
        ):
            try:
                while not _healthy(port):
                    if airflow.poll() is not None or time.monotonic() - began > _HEALTHY_WITHIN:
                        raise RuntimeError(
                            f"airflow standalone: not healthy\n{log.read_text(errors='replace')[-3000:]}"
                        )
                    time.sleep(0.2)
                return time.monotonic() - began
            finally:
                _end(airflow)


def _healthy(port: int) -> bool:
    try:
        with _OPENER.open(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5) as answer:
            told = json.load(answer)
    except (URLError, OSError, ValueError, http.client.HTTPException):
        return False
    return all((told.get(part) or {}).get("status") == "healthy" for part in _PARTS)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its session: ask, then kill what is left."""
    for number, patience in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def main() -> None:
    """Measure."""
    wanted = rounds.options(__doc__, rounds=3).parse_args()
    starts: list[tuple[float, float, float]] = []

    def side(number: int) -> float:
        times = ours()
        if number >= 0:
            starts.append(times)
        return times[0]

    sides = {"logistics up": side, "airflow standalone": lambda _: standalone()}
    found = rounds.measured(sides, wanted)
    first, second, again = ([times[n] for times in starts] for n in range(3))
    figures.dump(
        [
            figures.absolute("P7", first, found["airflow standalone"]),
            figures.absolute("P7.second", second, first),
            figures.absolute("P7.again", again, first),
        ],
        wanted.out,
    )


if __name__ == "__main__":
    main()
