"""Every kind of run gets its deadlines in a real Airflow, and only those are told whose time means something."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smart_logistics import settings
from smart_logistics.orchestration import config_files, provision
from smart_logistics.settings import REPOSITORY
from tests.dags.conftest import plain_environment, secrets_in

COUNTED = {"run is slow": 30, "run takes too long": 45}
UNDER_WAY = ("by-the-hour", "by-hand", "by-the-API", "cleared")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What deadline_rows.py found."""
    folder = tmp_path_factory.mktemp("deadlines")
    secrets = folder / "connections.json"
    made = provision.connections(config_files.SECRETS, settings.load({}), "postgresql://u@127.0.0.1/d")
    secrets.write_text(json.dumps(made))
    environment = plain_environment() | {
        **secrets_in(secrets),
        "FOUND": str(folder / "found.json"),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "LOGISTICS_HOME": str(folder / "home"),
        "LOGISTICS_SPARK_MASTER": "local[1]",
        # It is its own server: Variables come from its database.
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("deadline_rows.py"))],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return found


@pytest.mark.parametrize("run", [*UNDER_WAY, "backfill", "failed"])
def test_deadlines_count_from_queueing_whoever_started_the_run(rows: Mapping[str, Any], run: str) -> None:
    found = rows[run]["deadlines"]
    assert {name: round(found[name], 1) for name in COUNTED} == COUNTED
    # Against the last runs, which took four minutes.
    assert round(found["run takes unusually long"]) == 15 + 4


@pytest.mark.parametrize("run", UNDER_WAY)
def test_a_run_under_way_that_missed_them_is_recorded(rows: Mapping[str, Any], run: str) -> None:
    # Nothing says what is usual where no good run is recorded.
    assert rows[run]["missed"] == sorted(COUNTED)


def test_a_run_whose_deadlines_have_not_passed_can_be_cleared(rows: Mapping[str, Any]) -> None:
    assert rows["cleared"]["times"] == 1


@pytest.mark.parametrize("run", ["backfill", "failed"])
def test_a_failed_run_and_a_backfill_miss_none(rows: Mapping[str, Any], run: str) -> None:
    assert rows[run]["missed"] == []
