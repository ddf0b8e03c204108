"""The sentence at the top: the worst of what is known, and never more than that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_logistics.orchestration.incidents import Incident
from smart_logistics.pages import guide
from smart_logistics.pages.airflow_state import Flying, Now
from smart_logistics.pages.verdict import Verdict, verdict
from smart_logistics.views.runs import Gate

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)
DAG = "smart_logistics_pipeline"
WELL = Now([], [], [], 0)


def told(**given: Any) -> Verdict:
    last = {"state": "success", "ended_at": NOW - timedelta(minutes=12)}
    usual: dict[str, Any] = {
        "now": NOW,
        "state": WELL,
        "runs": [last],
        "last_success": last["ended_at"],
        "gate": Gate("r", NOW, {"pass": 3}, []),
        "incidents": [],
        "missed": [],
        "stale_after": timedelta(hours=2),
    }
    return verdict(**usual | given)


def gate(status: str) -> Gate:
    row = {"status": status, "layer": "gold", "table_name": "t", "check_name": "c", "detail": None}
    return Gate("r", NOW, {status: 1}, [row])


def test_all_is_well() -> None:
    assert (told().level, told().words, told().alerts) == ("success", "Healthy: last run 12 min ago", [])


@pytest.mark.parametrize(
    ("given", "level", "words"),
    [
        ({"runs": [], "last_success": None, "gate": None}, "", "No run has ended yet"),
        ({"gate": gate("warn")}, "warn", "Healthy, with 1 warning: last run 12 min ago"),
        ({"gate": gate("fail")}, "failed", "Not healthy: check c of gold.t: fail"),
        (
            {"last_success": NOW - timedelta(hours=3)},
            "failed",
            "Not healthy: Gold is stale: the last good run ended 3 h ago",
        ),
        ({"state": Now([], [], ["scheduler"], 0)}, "failed", "Not healthy: Airflow's scheduler is not running"),
        ({"state": Now([], [DAG], [], 0)}, "warn", "Healthy, with 1 warning: last run 12 min ago"),
        ({"state": Now([], [], [], 2)}, "failed", "Not healthy: 2 DAG file(s) cannot be read"),
        (
            {"state": Now([Flying(DAG, "r", "running", NOW - timedelta(minutes=3))], [], [], 0)},
            "success",
            "Healthy: last run 12 min ago, one running since 3 min",
        ),
        (
            {"incidents": [Incident(DAG, "2026-11-28T16:00:00+00:00", "why", ("a", "b"), "docs/x.md#h")]},
            "failed",
            f"Not healthy: the last 2 runs of {DAG} failed, since 2026-11-28 16:00:00 UTC",
        ),
        (
            {"runs": [{"state": "failed", "ended_at": NOW}]},
            "failed",
            "Not healthy: the last run failed just now",
        ),
    ],
)
def test_what_is_not(given: dict[str, Any], level: str, words: str) -> None:
    found = told(**given)
    assert (found.level, found.words) == (level, words)


def test_an_incident_leads_to_its_entry() -> None:
    (alert,) = told(incidents=[Incident(DAG, "s", "why", ("a",), "docs/troubleshooting.md#heading")]).alerts
    assert (alert.why, alert.guide) == ("why", "heading")


@pytest.mark.parametrize(
    ("given", "heading"),
    [
        ({"runs": [{"state": "failed", "ended_at": NOW}]}, "A last run that failed"),
        ({"state": Now([], [DAG], [], 0)}, "A DAG that is paused"),
        ({"state": Now([], [], [], 1)}, "A DAG file that cannot be read"),
        ({"state": Now([], [], ["scheduler"], 0)}, "A service that does not start"),
        ({"last_success": NOW - timedelta(hours=3)}, "Gold is stale"),
        ({"missed": [{"deadline": "slow run", "dag_id": DAG, "detail": None}]}, "A run that takes too long"),
        ({"gate": gate("fail")}, "A quality gate that failed"),
        ({"gate": gate("warn")}, "A quality gate that failed"),
        ({"incidents": [Incident(DAG, "s", "why", ("a",), "")]}, "A last run that failed"),
    ],
)
def test_every_alert_leads_to_an_entry(given: dict[str, Any], heading: str) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md").read_text("utf-8")
    assert re.search(rf"^#+ {heading}$", page, re.MULTILINE)
    assert {alert.guide for alert in told(**given).alerts} == {guide.slug(heading)}
