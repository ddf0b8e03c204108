"""Which DAG is failing, since when and for how many runs: what makes one incident of runs that fail one after another.

A JSON file for each DAG in ``<home>/alerts/open``, made by its first failed run and removed by the next good one.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from smart_logistics.orchestration import kept


@dataclass(frozen=True)
class Incident:
    """A DAG whose last run failed: since when, why the first one did, and the runs that failed since.

    ``guide`` is where the troubleshooting page tells of that cause.
    """

    dag_id: str
    since: str
    cause: str
    runs: tuple[str, ...]
    guide: str = ""

    @property
    def count(self) -> str:
        """How many runs in a row that are, as an ordinal for a sentence; empty for the first."""
        number = len(self.runs)
        ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return "" if number < 2 else f"{number}{ending} run in a row"


def _path(folder: Path, dag_id: str) -> Path:
    return folder / "open" / kept.name_of(dag_id)


def current(folder: Path, dag_id: str) -> Incident | None:
    """Return the incident of a DAG; None where its last run was good."""
    try:
        found = json.loads(_path(folder, dag_id).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return Incident(**{**found, "runs": tuple(found["runs"])})


def failed(folder: Path, dag_id: str, run_id: str, at: datetime, cause: str, guide: str = "") -> Incident:
    """Note that a run failed and return the incident that it belongs to. Repeating it changes nothing."""
    found = current(folder, dag_id) or Incident(dag_id, at.isoformat(timespec="seconds"), cause, (), guide)
    if run_id in found.runs:
        return found
    found = replace(found, runs=(*found.runs, run_id))
    kept.write(_path(folder, dag_id), asdict(found))
    return found


def closed(folder: Path, dag_id: str) -> None:
    """Note that a DAG runs again."""
    with contextlib.suppress(FileNotFoundError):
        _path(folder, dag_id).unlink()
