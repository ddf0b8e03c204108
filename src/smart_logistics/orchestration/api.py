"""A small client of Airflow's REST API: what `logistics run` and the run log need. Imports nothing of Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from smart_logistics.errors import LogisticsError

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class AirflowUnavailable(LogisticsError):
    """Airflow's API does not answer, or not with what it was asked for."""

    transient = True


class NotFound(LogisticsError):
    """Airflow does not know (yet) what it was asked for."""


@dataclass(frozen=True)
class Credentials:
    """Where the API is and who we are there."""

    base_url: str
    user: str
    password: str = field(repr=False)


class AirflowApi:
    """One session with the API server; the token is fetched at first use and again when it has expired."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        # No proxy from the environment: the server is on the loopback, and the token is for it alone.
        # Nor are the machine's certificates read, which takes longer than a request, for an address that has none.
        encrypted = credentials.base_url.startswith("https:")
        self._http = httpx.Client(base_url=credentials.base_url, timeout=_TIMEOUT, trust_env=False, verify=encrypted)
        self._token = ""

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            return self._http.request(method, path, headers=headers, **kwargs)
        except httpx.HTTPError as error:
            raise AirflowUnavailable(
                f"Airflow's API at {self._credentials.base_url} does not answer ({type(error).__name__})",
                remedy="run `logistics up`; `logistics status` shows what runs",
            ) from None

    def _log_in(self) -> None:
        body = {"username": self._credentials.user, "password": self._credentials.password}
        self._token = ""
        response = self._send("POST", "/auth/token", json=body)
        if response.status_code not in (200, 201):
            raise AirflowUnavailable(
                f"Airflow does not let us in (HTTP {response.status_code})", remedy="run `logistics up` again"
            )
        self._token = response.json()["access_token"]

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send one request below ``/api/v2`` and return the JSON of the answer.

        Raises:
            NotFound: HTTP 404.
            AirflowUnavailable: no answer, or another error.
        """
        if not self._token:
            self._log_in()
        response = self._send(method, f"/api/v2{path}", **kwargs)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            response = self._send(method, f"/api/v2{path}", **kwargs)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"Airflow does not know {path}")
        if response.is_error:
            raise AirflowUnavailable(
                f"Airflow answers {method} {path} with HTTP {response.status_code}: {response.text[:300]}",
                remedy="see the API server's log in the home's logs",
            )
        return response.json()

    # What is asked for

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Return the DAG, which is there once it has been parsed."""
        return dict(self.request("GET", f"/dags/{dag_id}"))

    def import_errors(self) -> list[dict[str, Any]]:
        """Return what went wrong while DAG files were parsed."""
        return list(self.request("GET", "/importErrors")["import_errors"])

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self.request("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now, with ``conf`` for the fields of its form, and return its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.request("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def runs(
        self, dag_id: str, *, states: tuple[str, ...], limit: int, offset: int = 0, order_by: str = "-run_after"
    ) -> list[dict[str, Any]]:
        """Return runs in one of ``states``, by default the latest first."""
        query: Mapping[str, Any] = {"state": list(states), "limit": limit, "offset": offset, "order_by": order_by}
        return list(self.request("GET", f"/dags/{dag_id}/dagRuns", params=query)["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run."""
        return dict(self.request("GET", _run(dag_id, run_id)))

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the run's task instances, each as its latest try."""
        return list(self.request("GET", f"{_run(dag_id, run_id)}/taskInstances")["task_instances"])

    def tries(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """Return every try of a task."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/tries"
        return list(self.request("GET", path)["task_instances"])

    def counts(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a job reported; empty where it reported nothing."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        try:
            value = self.request("GET", path)["value"]
        except NotFound:
            return {}
        value = json.loads(value) if isinstance(value, str) else value
        return value if isinstance(value, dict) else {}

    def variable(self, key: str) -> str:
        """Return the value of a Variable."""
        return str(self.request("GET", f"/variables/{quote(key, safe='')}")["value"])

    def state_store(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task keeps over its tries."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/state-store"
        return {entry["key"]: entry["value"] for entry in self.request("GET", path)["task_state_store"]}


def _run(dag_id: str, run_id: str) -> str:
    # A run id holds a time with offset: its + must not become a space.
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
