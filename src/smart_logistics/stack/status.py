"""What is: each service, its state, process, port and page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, health, ports, postgres
from smart_logistics.stack.home import Home
from smart_logistics.stack.ports import LOOPBACK, Ports
from smart_logistics.stack.spark import SESSION, is_local_cluster
from smart_logistics.stack.supervise import Supervisor


@dataclass(frozen=True)
class Service:
    """One service as it is now. ``state``: healthy, unhealthy (no answer), starting, stopping, failed, stopped."""

    name: str
    state: str
    pid: int | None
    port: int | None
    url: str | None
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


_STATES = {"STARTING": "starting", "BACKOFF": "starting", "STOPPING": "stopping", "FATAL": "failed", "EXITED": "failed"}
_PORTS = {
    postgres.SERVICE: "POSTGRES_PORT",
    "spark-master": "SPARK_PORT",
    "spark-worker": "SPARK_WORKER_PORT",
    SESSION: "SPARK_SESSION_PORT",
    airflow.API_SERVER: "AIRFLOW_PORT",
    airflow.SCHEDULER: None,
    airflow.DAG_PROCESSOR: None,
    airflow.TRIGGERER: None,
    airflow.LOG_SERVER: "AIRFLOW_LOG_PORT",
}
_PAGES = {"spark-master": "SPARK_UI_PORT", "spark-worker": "SPARK_WORKER_UI_PORT", airflow.API_SERVER: "AIRFLOW_PORT"}


def services(settings: Settings) -> list[Service]:
    """Return every service of the stack; those of a stack that was never started are stopped."""
    home = Home.of(settings)
    numbers = ports.kept(home)
    processes = Supervisor(home).processes()
    names = [name for name in _PORTS if is_local_cluster(settings) or not name.startswith("spark-")]
    if not home.session.exists():
        names.remove(SESSION)
    complete = all(name in numbers for name in ports.NAMES)
    probes = health.probes(home, Ports(numbers)) if complete else {}

    def look(name: str) -> Service:
        info = processes.get(name, {})
        running = info.get("statename")
        port_name, page = _PORTS[name], _PAGES.get(name)
        port = numbers.get(port_name) if port_name else None
        url = f"http://{LOOPBACK}:{numbers[page]}/" if page in numbers else None
        if running != "RUNNING":
            return Service(name, _STATES.get(str(running), "stopped"), None, port, url, info.get("spawnerr", ""))
        problem = health.check(probes[name], float(info["start"]))
        return Service(name, "unhealthy" if problem else "healthy", int(info["pid"]), port, url, problem or "")

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(look, names))
