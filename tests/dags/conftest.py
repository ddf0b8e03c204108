"""The DAG as it is parsed with the default settings, and what it did in each scenario."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from smart_logistics.settings import REPOSITORY
from smart_logistics.stack.airflow import FILE_BACKEND

DAG_ID = "smart_logistics_pipeline"
MAINTENANCE_ID = "smart_logistics_maintenance"
SHORT_TIMES = {
    "LOGISTICS_RETRIES": "1",
    "LOGISTICS_RETRY_DELAY_SECONDS": "0",
    "LOGISTICS_MAX_RETRY_DELAY_SECONDS": "1",
    "LOGISTICS_POKE_INTERVAL_SECONDS": "1",
    "LOGISTICS_SENSOR_TIMEOUT_SECONDS": "1",
    "LOGISTICS_SETTLE_SECONDS": "0",
}


def plain_environment() -> dict[str, str]:
    """This process's environment without settings of ours or of Airflow's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOGISTICS_", "AIRFLOW"))}


def secrets_in(file: Path) -> dict[str, str]:
    """What lets Airflow read connections from a file, as the stack has it."""
    arguments = json.dumps({"connections_file_path": str(file)})
    return {"AIRFLOW__SECRETS__BACKEND": FILE_BACKEND, "AIRFLOW__SECRETS__BACKEND_KWARGS": arguments}


@pytest.fixture(scope="session")
def bag() -> DagBag:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("LOGISTICS_"):
                patch.delenv(name)
        return DagBag(REPOSITORY / "dags", safe_mode=False)


@pytest.fixture(scope="session")
def dag(bag: DagBag) -> Any:
    return bag.dags[DAG_ID]


@pytest.fixture(scope="session")
def upkeep(bag: DagBag) -> Any:
    return bag.dags[MAINTENANCE_ID]


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What the real DAG did under Airflow's own rules, by scenario; see scenarios.py."""
    folder = tmp_path_factory.mktemp("scenarios")
    found, log = folder / "found.json", folder / "log"
    environment = plain_environment() | SHORT_TIMES
    secrets = folder / "connections.json"
    environment |= {
        "FOUND": str(found),
        "SECRETS_FILE": str(secrets),
        **secrets_in(secrets),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "LOGISTICS_HOME": str(folder / "home"),
        "LOGISTICS_LANDING": str(folder / "landing"),
        "LOGISTICS_SPARK_MASTER": "local[1]",
    }
    script = Path(__file__).with_name("scenarios.py")
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, str(script), str(folder / "landing")],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, log.read_text()[-4000:]
    result: dict[str, dict[str, Any]] = json.loads(found.read_text())
    return result
