"""What the scheduler loads before it forks is what a task would load."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from smart_logistics.settings import REPOSITORY

_LATE = """
import importlib, os, runpy, sys
import airflow.executors.local_executor, airflow.jobs.scheduler_job_runner, airflow.sdk.execution_time.task_runner
from smart_logistics.orchestration.scheduler import IN_MEMORY
for module in IN_MEMORY:
    importlib.import_module(module)
before = set(sys.modules)
runpy.run_path("dags/smart_logistics_pipeline.py")
runpy.run_path("dags/smart_logistics_maintenance.py")
# As the first task reads the run log.
sys.modules["deltalake"].DeltaTable(sys.argv[1]).to_pyarrow_table().to_pylist()
import psycopg
print(*sorted(name for name in set(sys.modules) - before if name not in sys.stdlib_module_names), flush=True)
# Threads of Arrow's that still call Python would end an interpreter that shuts down by SIGABRT, now and then.
os._exit(0)
"""


def test_a_task_finds_all_that_its_dag_file_imports_in_memory(tmp_path: Path) -> None:
    write_deltalake(tmp_path, pa.table({"at": [datetime.now(UTC)]}))
    done = subprocess.run(
        [sys.executable, "-c", _LATE, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == ""
