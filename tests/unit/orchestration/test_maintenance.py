"""What `clean_up` deletes of what Airflow and the jobs leave behind, and what it leaves alone."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smart_logistics.errors import LogisticsError
from smart_logistics.orchestration import maintenance

DAY = 86_400


def aged(path: Path, days: float) -> Path:
    then = time.time() - days * DAY
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def test_old_files_and_old_empty_folders_go_and_young_ones_stay(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    for name in ("old", "mixed", "empty", "young"):
        (folder / name).mkdir(parents=True)
    elsewhere.mkdir()
    old, mixed = folder / "old" / "a.log", folder / "mixed" / "b.log"
    kept, outside = folder / "mixed" / "c.log", elsewhere / "d.log"
    for path in (old, mixed, kept, outside):
        path.write_text("x")
    link = folder / "link"
    link.symlink_to(elsewhere)
    for path in (old, mixed, outside, folder / "old", folder / "empty", elsewhere, link):
        aged(path, 31)
    # A link goes itself; what it points to is not ours.
    assert maintenance.delete_older(folder, time.time() - 30 * DAY) == 3
    assert sorted(path.name for path in folder.rglob("*")) == ["c.log", "mixed", "old", "young"]
    assert outside.exists()
    aged(folder / "old", 31)
    maintenance.delete_older(folder, time.time() - 30 * DAY)
    assert not (folder / "old").exists()


def test_a_folder_that_is_not_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert maintenance.delete_older(tmp_path / "none", time.time()) == 0


def airflow_says(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put another program in the place of Airflow's command."""
    program = folder / "airflow-command"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def test_airflows_own_command_gets_the_age_and_not_the_tasks_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow_says(tmp_path, monkeypatch, 'echo "$@"; env | grep ^AIRFLOW')
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    told = maintenance.clean_database(datetime(2026, 11, 1, tzinfo=UTC))
    words, *environment = told.splitlines()
    assert words.startswith("-m airflow db clean --yes --skip-archive --error-on-cleanup-failure --tables ")
    assert words.endswith(" --clean-before-timestamp 2026-11-01T00:00:00+00:00")
    cleaned = words.split(" --tables ")[1].split()[0].split(",")
    assert {"dag_run", "task_instance", "xcom", "log"} <= {*cleaned}
    # Airflow would forget DAGs that it has not parsed for so long: all of them, where a stack was stopped meanwhile.
    assert not {"dag", "dag_version"} & {*cleaned}
    assert environment == ["AIRFLOW_HOME=/somewhere"]


def test_a_database_that_cannot_be_cleaned_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_says(tmp_path, monkeypatch, "echo first; echo the table is locked >&2; exit 1")
    with pytest.raises(LogisticsError, match="the table is locked"):
        maintenance.clean_database(datetime(2026, 11, 1, tzinfo=UTC))
