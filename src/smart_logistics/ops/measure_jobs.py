"""What a job's counts mean: rows in, rows out, rejected. Airflow's metrics and the endpoint say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smart_logistics.ops import measures as m
from smart_logistics.ops.measures import Sample

IN, OUT, REJECTED = "in", "out", "rejected"
# By direction, where a job's result has it. What Gold takes up are whole shipments.
_NAMES = {IN: ("read", "shipments"), OUT: ("rows",), REJECTED: ("rejected",)}


def layer(task_id: str) -> str:
    """Return the layer that a job writes; the gate's and the audit's is ``quality``."""
    first = task_id.split("_")[0]
    return first if first in m.LAYERS else "quality"


def counted(task_id: str, counts: Mapping[str, Any] | None) -> dict[str, int]:
    """Return a job's numbers by direction; one that it did not tell is missing. What the gate calls rows are checks."""
    if counts is None or layer(task_id) not in m.LAYERS:
        return {}
    found = {
        direction: next((counts[name] for name in names if name in counts), None) for direction, names in _NAMES.items()
    }
    return {direction: number for direction, number in found.items() if isinstance(number, int)}


def samples(dag_id: str, results: Mapping[str, Mapping[str, Any]]) -> Iterator[Sample]:
    """Yield the numbers of a run's jobs from their results, by task."""
    for task_id, counts in sorted(results.items()):
        for direction, number in counted(task_id, counts).items():
            yield m.JOB_ROWS.sample(number, dag_id, layer(task_id), task_id, direction)
