"""The addresses that mails link to: pages of Airflow and of the Spark master, as the one who reads can reach them.

The stack itself asks Airflow on the loopback (see ``access``); ``AIRFLOW_URL`` and ``SPARK_UI_URL`` say where others
reach it.
"""

from __future__ import annotations

from urllib.parse import quote

from smart_logistics import settings
from smart_logistics.orchestration import access
from smart_logistics.orchestration.config_files import kept_port


def dag(dag_id: str) -> str:
    """Return the page of a DAG."""
    return f"{_airflow()}/dags/{quote(dag_id, safe='')}"


def run(dag_id: str, run_id: str) -> str:
    """Return the page of a run, from which each of its tasks' logs is a click away."""
    return f"{dag(dag_id)}/runs/{quote(run_id, safe='')}"


def public(address: str) -> str:
    """Return a page of Airflow's, as Airflow itself gives its address, for those who read mails."""
    own = access.base_url()
    return f"{_airflow()}{address.removeprefix(own)}" if own and address.startswith(f"{own}/") else address


def spark_ui() -> str | None:
    """Return the page of the Spark master; None where the cluster is somebody else's and nobody said where it is."""
    loaded = settings.load()
    if loaded["SPARK_UI_URL"]:
        return f"{loaded['SPARK_UI_URL']}/"
    port = None if loaded["SPARK_MASTER"] else kept_port(loaded, "SPARK_UI_PORT")
    return None if port is None else f"http://127.0.0.1:{port}/"


def _airflow() -> str:
    return str(settings.load()["AIRFLOW_URL"] or access.base_url())
