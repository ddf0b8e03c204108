"""A job's counts by direction: what it did not tell is missing, and what only looks like rows is none."""

from __future__ import annotations

import pytest

from smart_logistics.jobs.catalog import PIPELINE
from smart_logistics.ops import measure_jobs


@pytest.mark.parametrize(
    ("task", "counts", "found"),
    [
        ("bronze_ingest_iot", {"read": 9, "rows": 7, "rejected": 2}, {"in": 9, "out": 7, "rejected": 2}),
        ("bronze_ingest_sql", {"read": 9, "rows": 7, "tables": {"orders": 7}}, {"in": 9, "out": 7}),
        ("silver_transactional", {"read": None, "rows": 7, "rejected": 0}, {"out": 7, "rejected": 0}),
        ("gold_aggregate", {"rows": 3, "shipments": 5, "excursions": 1}, {"in": 5, "out": 3}),
        # These are checks.
        ("data_quality_check", {"rows": 200, "verdict": "pass"}, {}),
        ("silver_iot", None, {}),
    ],
)
def test_rows_in_out_and_rejected(task: str, counts: dict[str, object] | None, found: dict[str, int]) -> None:
    assert measure_jobs.counted(task, counts) == found


def test_each_job_belongs_to_a_layer() -> None:
    assert {measure_jobs.layer(job) for job in PIPELINE} == {"bronze", "silver", "gold", "quality"}


def test_samples_name_run_layer_job_and_direction() -> None:
    results = {"silver_iot": {"read": 3, "rows": 2, "rejected": 1}, "data_quality_check": {"rows": 9}}
    found = {tuple(one.labels.values()): one.value for one in measure_jobs.samples("d", results)}
    assert found == {
        ("d", "silver", "silver_iot", "in"): 3,
        ("d", "silver", "silver_iot", "out"): 2,
        ("d", "silver", "silver_iot", "rejected"): 1,
    }
