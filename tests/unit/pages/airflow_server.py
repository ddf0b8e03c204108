"""Airflow's own API server with our plugin, on a database of its own; who logs in is a viewer or the administrator."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PASSWORDS = {"admin": "of-the-admin", "vera": "of-the-viewer"}
_START_SECONDS = 600
_SERVE = "from airflow.utils.db import initdb; initdb(); from airflow.__main__ import main; main()"


@dataclass(frozen=True)
class Server:
    """Where it listens, and the home of the stack that it belongs to."""

    base: str
    home: Path

    @property
    def lakehouse(self) -> str:
        """Root of the tables."""
        return str(self.home / "lakehouse")

    def token(self, user: str) -> str:
        """Log in as a script does."""
        answer = httpx.post(f"{self.base}/auth/token", json={"username": user, "password": PASSWORDS[user]}, timeout=60)
        return str(answer.raise_for_status().json()["access_token"])


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start it in ``folder`` and end it; its lakehouse is ``<folder>/home/lakehouse``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}", folder / "home")
    words = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *words], env=_environment(server, folder), cwd=folder, stdout=log, stderr=log
        )
        try:
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait(60)


def _environment(server: Server, folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOGISTICS_", "AIRFLOW"))}
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    return kept | {
        "LOGISTICS_HOME": str(server.home),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,vera:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__API__BASE_URL": server.base,
        "AIRFLOW__API__SECRET_KEY": "of-this-test-only",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-that-is-long-enough-for-the-algorithm-and-more-than-that",
    }


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{server.base}/api/v2/version", timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text()[-4000:])
