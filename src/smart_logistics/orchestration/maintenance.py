"""The tasks of `smart_logistics_maintenance`: upkeep of the tables, and of what Airflow and the jobs leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.sdk import BaseOperator

from smart_logistics import settings
from smart_logistics.errors import LogisticsError
from smart_logistics.lake.vacuum import require_retention
from smart_logistics.ops import maintenance
from smart_logistics.orchestration import connections

if TYPE_CHECKING:
    from airflow.sdk import Context

_DAY = 86_400
# A driver that was killed leaves its shuffle files. No task may run for so long.
_SCRATCH_DAYS = 2
# What grows with every run. DAGs and their versions stay: a stack that was stopped for a month has not parsed them.
_GROWING = (
    *("callback", "dag_run", "deadline", "import_error", "job", "log", "revoked_token", "task_instance"),
    *("task_instance_history", "task_reschedule", "task_state_store", "xcom"),
)


class LakehouseMaintenanceOperator(BaseOperator):
    """Compact, cluster and vacuum every table; the counts are the task's XCom. Needs no JVM."""

    def execute(self, context: Context) -> Mapping[str, int]:
        """Do it.

        Raises:
            LogisticsError: a Variable is missing, or some tables failed.
        """
        hours = connections.setting("VACUUM_RETENTION_HOURS")
        require_retention(hours)
        return maintenance.maintain(
            connections.lakehouse(),
            maintenance.chosen([]),
            run_id=context["run_id"],
            retain_hours=hours,
            tell=lambda work: self.log.info("%s: %s", work.table.full_name, work.line()),
        )


class CleanUpOperator(BaseOperator):
    """Delete task logs, records of runs and scratch files that are older than they are kept."""

    def execute(self, context: Context) -> Mapping[str, int]:
        """Do it and return how many files went.

        Raises:
            LogisticsError: a Variable is missing, or Airflow could not clean its database; the files went before.
        """
        days, now = connections.setting("LOG_RETENTION_DAYS"), time.time()
        home = settings.load().home
        counts = {
            "logs": delete_older(Path(conf.get("logging", "base_log_folder")), now - days * _DAY),
            "scratch": delete_older(home / "spark" / "scratch", now - _SCRATCH_DAYS * _DAY),
        }
        self.log.info("files deleted: %s", counts)
        self.log.info("%s", clean_database(datetime.now(UTC) - timedelta(days=days)))
        return counts


def delete_older(folder: Path, before: float) -> int:
    """Delete files last written before ``before`` and empty folders as old; return how many files that were.

    Others write and delete there meanwhile: what is gone, or not empty, is left alone. A folder that this empties
    counts as changed now, and goes another time.
    """
    count = 0
    for path in _bottom_up(folder):
        try:
            if path.lstat().st_mtime >= before:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
                count += 1
        except OSError:
            continue
    return count


def _bottom_up(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, topdown=False):
        yield from (Path(root, name) for name in (*files, *folders))


def clean_database(before: datetime) -> str:
    """Let Airflow forget what ended before ``before``, by its own command; return what it says.

    Raises:
        LogisticsError: it failed.
    """
    # A task may not touch Airflow's database. The administrator's command, which it runs here, reads its configuration.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW__", "_AIRFLOW"))}
    words = ("db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure", "--tables", ",".join(_GROWING))
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *words, "--clean-before-timestamp", before.isoformat()],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise LogisticsError(
            f"Airflow could not clean its database: {_last_line(done.stdout)}",
            remedy="run `airflow db clean --dry-run` with the home's airflow.cfg",
        )
    return done.stdout.strip()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
