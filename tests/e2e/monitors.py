"""Those who look on from outside: a StatsD server, a Prometheus, and what they need to know of a stack."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from smart_logistics import settings
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.settings import REPOSITORY
from smart_logistics.stack.connections import airflow_api
from tests.e2e.stack import Stack

PROMETHEUS = shutil.which("prometheus")
LINEAGE = "lineage.ndjson"
_EXAMPLE = REPOSITORY / "monitoring" / "prometheus"


class Listener:
    """Takes every datagram on a port of its own."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                self.lines.append(self._socket.recv(65535).decode())
            except OSError:  # closed
                return

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def api(stack: Stack) -> AirflowApi:
    """Return Airflow's API for its first user."""
    return AirflowApi(Credentials(*airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))))


def base_url(stack: Stack) -> str:
    """Return where Airflow answers."""
    return airflow_api(settings.load({"LOGISTICS_HOME": str(stack.home)}))[0]


def token_file(stack: Stack) -> Path:
    """Return the file of the token for scraping."""
    return stack.home / "secrets" / "metrics-token"


@contextmanager
def prometheus(stack: Stack, folder: Path) -> Iterator[httpx.Client]:
    """Run a real Prometheus with our own example, in which only place and token are filled in; yield its API."""
    assert PROMETHEUS
    given = (_EXAMPLE / "prometheus.yml").read_text()
    for old, new in (
        ("127.0.0.1:8080", base_url(stack).removeprefix("http://")),
        ("../../.local/secrets/metrics-token", f'"{token_file(stack)}"'),
        ("30s", "1s"),
        ("20s", "1s"),
    ):
        assert old in given
        given = given.replace(old, new)
    given = given.replace("scrape_timeout: 1s", "scrape_timeout: 20s").replace(
        "scrape_interval: 1s", "scrape_interval: 20s"
    )
    (folder / "prometheus.yml").write_text(given)
    shutil.copy(_EXAMPLE / "alerts.yml", folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    words = ("--config.file", "prometheus.yml", "--storage.tsdb.path", "data", "--web.listen-address")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROMETHEUS, *words, f"127.0.0.1:{port}"], cwd=folder, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=10) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def answer(client: httpx.Client, path: str, **query: str) -> Any:
    """Return what Prometheus says."""
    said = client.get(path, params=query).json()
    assert said["status"] == "success", said
    return said["data"]


def wait_for_a_scrape(client: httpx.Client) -> None:
    """Return when Prometheus has read the page; fail with what it says of the page where it has not."""
    give_up = time.monotonic() + 90
    while True:
        try:
            (target,) = answer(client, "/targets")["activeTargets"]
        except (httpx.HTTPError, ValueError):
            target = {"health": "none yet"}
        if target["health"] == "up":
            return
        assert time.monotonic() < give_up, target
        time.sleep(0.5)
