"""Whether each service really answers: not whether its process exists, but whether it does its work."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg

from smart_logistics.stack import airflow, postgres
from smart_logistics.stack.home import Home
from smart_logistics.stack.ports import LOOPBACK, Ports

Probe = Callable[[float], str | None]
# Proxies of the environment are for the world outside.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SECONDS = 5
_HEALTH = "/api/v2/monitor/health"


def get_json(url: str) -> Any:
    """Return the JSON at a loopback address.

    Raises:
        OSError: nobody answers, or not with JSON.
    """
    try:
        with _OPENER.open(url, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP {error.code}") from None
    except (ValueError, http.client.HTTPException) as error:
        raise OSError(f"no usable answer: {error}") from None


def probes(home: Home, ports: Ports) -> dict[str, Probe]:
    """Return for each service a function of the time its process started: None = healthy, else why not."""
    master = f"http://{LOOPBACK}:{ports['SPARK_UI_PORT']}/json/"
    health = f"{airflow.base_url(ports)}{_HEALTH}"
    return {
        postgres.SERVICE: lambda _: _database(home, ports),
        "spark-master": lambda _: _spark_master(master),
        "spark-worker": lambda _: _spark_worker(master),
        "spark-session": lambda _: _listens(ports["SPARK_SESSION_PORT"]),
        airflow.API_SERVER: lambda _: _airflow_database(airflow.base_url(ports)),
        airflow.SCHEDULER: lambda since: _heartbeat(health, "scheduler", since),
        airflow.DAG_PROCESSOR: lambda since: _heartbeat(health, "dag_processor", since),
        airflow.TRIGGERER: lambda since: _heartbeat(health, "triggerer", since),
        airflow.LOG_SERVER: lambda _: _listens(ports["AIRFLOW_LOG_PORT"]),
    }


def check(probe: Probe, since: float) -> str | None:
    """Return why the service is not healthy, None if it is."""
    try:
        return probe(since)
    except (OSError, psycopg.Error) as error:
        return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _database(home: Home, ports: Ports) -> str | None:
    with closing(postgres.connect(home, ports)) as connection:
        connection.execute("select 1")
    return None


def _spark_master(url: str) -> str | None:
    status = get_json(url).get("status")
    return None if status == "ALIVE" else f"the master is {status}"


def _spark_worker(url: str) -> str | None:
    return None if get_json(url).get("aliveworkers", 0) >= 1 else "not yet registered with the master"


def _airflow_database(base: str) -> str | None:
    # The tasks' own API is loaded at its first request, which takes seconds: that request had better be this one.
    get_json(f"{base}/execution/health")
    status = get_json(f"{base}{_HEALTH}")["metadatabase"]["status"]
    return None if status == "healthy" else f"its database is {status}"


def _heartbeat(url: str, part: str, since: float) -> str | None:
    """Judge a daemon by its heartbeat; one from before this process started was its predecessor's."""
    told = get_json(url)[part]
    beat = told.get(f"latest_{part}_heartbeat")
    if beat is None or datetime.fromisoformat(beat).timestamp() < since - 1:
        return "no heartbeat yet"
    return None if told["status"] == "healthy" else f"{told['status']}: last heartbeat {beat}"


def _listens(port: int) -> str | None:
    with closing(socket.create_connection((LOOPBACK, port), timeout=_SECONDS)):
        return None
