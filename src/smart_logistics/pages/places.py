"""Where the pipeline's tables and folders are, as Airflow's server knows it."""

from __future__ import annotations

from pathlib import Path

from airflow.models.variable import Variable

from smart_logistics import settings
from smart_logistics.orchestration.config_files import LAKEHOUSE
from smart_logistics.views.snapshot import Snapshot


def lakehouse() -> str:
    """Return the place that the jobs write to: the Variable, which may differ from this process's environment."""
    return str(Variable.get(LAKEHOUSE, default_var=settings.load().lakehouse))


def landing() -> Path:
    """Return the folder of arriving files."""
    return Path(settings.load().landing)


def snapshot() -> Snapshot:
    """Return the tables as they are now, for one answer."""
    return Snapshot(lakehouse())
