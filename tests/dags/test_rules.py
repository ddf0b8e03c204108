"""A quiet hour is no failure, and no failure is hidden: the real DAG under Airflow's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from smart_logistics.settings import SETTINGS, Kind

AFTER_GOLD = ("data_quality_check", "end")
QUIET = {"wait_for_iot_files": "skipped", "bronze_ingest_iot": "skipped"}


def blocked(*tasks: str) -> dict[str, str]:
    return dict.fromkeys(tasks, "upstream_failed")


FROM_GOLD = blocked("gold_aggregate", *AFTER_GOLD)
NOT_EVEN_STARTED = {
    "start": "failed",
    **blocked("wait_for_iot_files", "bronze_ingest_sql", "bronze_ingest_iot"),
    **blocked("silver_transactional", "silver_iot"),
    **FROM_GOLD,
}
# Scenario → state of the run, and of every task that is not simply a success.
EXPECTED: dict[str, tuple[str, dict[str, str]]] = {
    "all well": ("success", {}),
    "quiet hour": ("success", QUIET),
    "source gone": ("failed", {"bronze_ingest_sql": "failed", **blocked("silver_transactional"), **FROM_GOLD}),
    "source gone in a quiet hour": (
        "failed",
        {**QUIET, "bronze_ingest_sql": "failed", **blocked("silver_transactional"), **FROM_GOLD},
    ),
    "telemetry fails": ("failed", {"bronze_ingest_iot": "failed", **blocked("silver_iot"), **FROM_GOLD}),
    "silver fails in a quiet hour": ("failed", {**QUIET, "silver_iot": "failed", **FROM_GOLD}),
    "source back at the second try": ("success", {}),
    "gate fails": ("failed", {"data_quality_check": "failed", **blocked("end")}),
    "landing folder missing": (
        "failed",
        {"wait_for_iot_files": "failed", **blocked("bronze_ingest_iot", "silver_iot"), **FROM_GOLD},
    ),
    "secrets lost": ("failed", NOT_EVEN_STARTED),
    "variable missing": ("failed", NOT_EVEN_STARTED),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_ends_as_it_should(scenarios: Mapping[str, Mapping[str, Any]], name: str) -> None:
    found = scenarios[name]
    states = {task: state for task, (state, _) in found["tasks"].items() if state != "success"}
    assert (found["run"], states) == EXPECTED[name]


@pytest.mark.parametrize(
    ("name", "task", "tries"),
    [
        ("source gone", "bronze_ingest_sql", 2),
        ("source back at the second try", "bronze_ingest_sql", 2),
        ("landing folder missing", "wait_for_iot_files", 2),
        ("gate fails", "data_quality_check", 1),
        ("variable missing", "start", 1),
        ("secrets lost", "start", 1),
    ],
)
def test_only_what_may_pass_is_tried_again(
    scenarios: Mapping[str, Mapping[str, Any]], name: str, task: str, tries: int
) -> None:
    assert scenarios[name]["tasks"][task][1] == tries


def test_an_import_again_keeps_edits_and_takes_secrets_out_of_the_database(
    scenarios: Mapping[str, Mapping[str, Any]],
) -> None:
    found = scenarios["provisioned"]
    assert found["connections"].keys() == {"logistics_spark", "logistics_landing"}
    assert "canary" not in str(found)
    # The first is a default, the second is given in the environment.
    assert found["variables"]["logistics_hold_minutes"] == "61"
    assert found["variables"]["logistics_settle_seconds"] == "0"
    assert set(found["variables"]) == {"logistics_lakehouse"} | {
        one.airflow_variable for one in SETTINGS if one.kind is Kind.JOB
    }
