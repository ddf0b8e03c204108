"""Free ports on the loopback interface, chosen once and kept in the home."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import psutil

from smart_logistics.errors import EnvironmentFault
from smart_logistics.settings import PREFIX, Settings
from smart_logistics.stack.credentials import write_private
from smart_logistics.stack.home import Home

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections: a kept port is not lost to one of those.
_RANGE = range(20_000, 32_000)
NAMES = (
    "AIRFLOW_PORT",
    "AIRFLOW_LOG_PORT",
    "POSTGRES_PORT",
    "SPARK_PORT",
    "SPARK_UI_PORT",
    "SPARK_WORKER_PORT",
    "SPARK_WORKER_UI_PORT",
    "SPARK_SESSION_PORT",
)


# Which ports a running program holds.
HELD_BY = {
    "postgres": ("POSTGRES_PORT",),
    "spark-master": ("SPARK_PORT", "SPARK_UI_PORT"),
    "spark-worker": ("SPARK_WORKER_PORT", "SPARK_WORKER_UI_PORT"),
    "spark-session": ("SPARK_SESSION_PORT",),
    "airflow-api": ("AIRFLOW_PORT",),
    "airflow-logs": ("AIRFLOW_LOG_PORT",),
}


@dataclass(frozen=True)
class Ports:
    """A port for each name of NAMES; ``moved`` says which kept ones had been taken meanwhile."""

    numbers: Mapping[str, int]
    moved: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]


def is_free(port: int) -> bool:
    """Tell whether a service could listen on ``port`` of the loopback interface."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As servers do: connections of a former server that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def kept(home: Home) -> dict[str, int]:
    """Return the ports that were chosen before; none on a fresh home."""
    if not home.ports.exists():
        return {}
    try:
        return {name: int(port) for name, port in json.loads(home.ports.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError):
        raise EnvironmentFault(f"{home.ports} is damaged", remedy="delete it: ports are then chosen anew") from None


def choose(settings: Settings, home: Home, in_use: frozenset[str] = frozenset()) -> Ports:
    """Return a port for each name: the given one, else the kept one, else a free one. Writes them down.

    Args:
        settings: may name ports.
        home: where the chosen ones are kept.
        in_use: names whose kept port is held by this stack itself.

    Raises:
        EnvironmentFault: a given port is taken by another process, or given twice.
    """
    before = kept(home)
    numbers: dict[str, int] = {}
    for name in NAMES:
        port = settings[name]
        if port is None:
            continue
        twin = next((other for other, number in numbers.items() if number == port), None)
        if twin is not None:
            raise EnvironmentFault(
                f"{PREFIX}{name} and {PREFIX}{twin} are both {port}", remedy="give each service a port of its own"
            )
        if not (name in in_use and before.get(name) == port) and not is_free(port):
            raise EnvironmentFault(
                f"port {port} ({PREFIX}{name}) is taken by {_holder(port)}",
                remedy=f"end that process, set {PREFIX}{name} to another port, or unset it to have a free one chosen",
            )
        numbers[name] = port
    moved = []
    for name in NAMES:
        if name in numbers:
            continue
        port = before.get(name)
        if port is not None and port not in numbers.values() and (name in in_use or is_free(port)):
            numbers[name] = port
            continue
        if port is not None:
            moved.append(name)
        numbers[name] = _free_port(set(numbers.values()) | set(before.values()))
    write_private(home.ports, json.dumps(numbers, indent=1) + "\n")
    return Ports(numbers, tuple(moved))


def _free_port(taken: set[int]) -> int:
    for port in random.SystemRandom().sample(_RANGE, 200):
        if port not in taken and is_free(port):
            return port
    raise EnvironmentFault(
        f"no free port between {_RANGE.start} and {_RANGE.stop}",
        remedy="end processes that listen, or set LOGISTICS_*_PORT",
    )


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,) and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:  # an ordinary user may not look at others' sockets on every system
        pass
    return "another process"
