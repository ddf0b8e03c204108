"""What others are told of the runs that were: Prometheus, StatsD, OpenLineage, Airflow's assets, the run log."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from deltalake import DeltaTable

from smart_logistics.contracts import lineage
from smart_logistics.contracts.ops import PIPELINE_RUNS
from smart_logistics.jobs.catalog import JOBS, PIPELINE
from smart_logistics.lake import tables
from smart_logistics.ops.measures import BREACHED, MEASURES
from smart_logistics.settings import REPOSITORY
from tests.e2e.monitors import (
    LINEAGE,
    PROMETHEUS,
    Listener,
    answer,
    api,
    base_url,
    prometheus,
    token_file,
    wait_for_a_scrape,
)
from tests.e2e.stack import Stack

DAG = "smart_logistics_pipeline"


@pytest.fixture(scope="module", autouse=True)
def is_up(stack: Stack) -> None:
    stack.must("up")


@pytest.fixture(scope="module")
def events(stack: Stack) -> list[dict[str, Any]]:
    """Every event of lineage."""
    return [json.loads(line) for line in (stack.home.parent / LINEAGE).read_text().splitlines()]


def test_the_metrics_are_shown_to_nobody_without_a_credential(stack: Stack) -> None:
    url = f"{base_url(stack)}/logistics/metrics"
    token = token_file(stack).read_text().strip()
    with httpx.Client(trust_env=False, timeout=60) as client:

        def status(given: str | None, at: str = url) -> int:
            return client.get(at, headers={"Authorization": f"Bearer {given}"} if given else {}).status_code

        assert [status(None), status("wrong"), status(token)] == [401, 401, 200]
        # The token opens this page and nothing else; a user's own token opens it, too.
        assert status(token, f"{base_url(stack)}/api/v2/dags") in (401, 403)
        with api(stack) as ours:
            ours.dag(DAG)
            assert status(ours._token) == 200


def drawn_by_the_dashboard() -> set[str]:
    """Return what the panels ask Prometheus for."""
    board = json.loads((REPOSITORY / "monitoring" / "grafana" / "smart-logistics.json").read_text())
    return {target["expr"] for panel in board["panels"] for target in panel.get("targets", ())}


@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed: apt install prometheus")
def test_a_real_prometheus_finds_every_metric_and_no_reason_to_alarm(stack: Stack, tmp_path: Path) -> None:
    with prometheus(stack, tmp_path) as client:
        wait_for_a_scrape(client)
        names = set(answer(client, "/label/__name__/values"))
        rules = [rule for group in answer(client, "/rules")["groups"] for rule in group["rules"]]
        failed = answer(client, "/query", query="smart_logistics_collection_failed == 1")["result"]
        last = answer(client, "/query", query=f'smart_logistics_last_run_success{{dag_id="{DAG}"}}')["result"]
        drawn = {one: answer(client, "/query", query=one)["result"] for one in drawn_by_the_dashboard()}
    # Where every check passes, none is named.
    assert {one.full_name for one in MEASURES if one is not BREACHED} - names == set()
    assert [one for one, result in drawn.items() if not result and BREACHED.full_name not in one] == []
    assert len(drawn) > 25
    assert failed == []
    assert [float(one["value"][1]) for one in last] == [1]
    assert len(rules) > 10
    assert {rule["lastError"] for rule in rules if rule.get("lastError")} == set()
    # Readings of a sample fleet may be older; what runs must not alarm.
    assert {rule["name"] for rule in rules if rule["state"] == "firing"} & {"RunFailed", "QualityGateFailed"} == set()


def test_statsd_hears_of_each_job_and_of_the_runs_end(stack: Stack, statsd: Listener) -> None:
    heard = "\n".join(statsd.lines)
    for job in JOBS:
        assert re.search(rf"smart_logistics\.job\.duration,layer=\w+,task_id={job},outcome=success:[\d.]+\|ms", heard)
    assert re.search(r"smart_logistics\.job\.rows,layer=bronze,task_id=bronze_ingest_iot:[1-9]\d*\|c", heard)
    assert re.search(r"smart_logistics\.job\.rows_in,layer=silver,task_id=silver_iot:[1-9]\d*\|c", heard)
    assert re.search(r"smart_logistics\.job\.rejected,layer=silver,task_id=silver_iot:[1-9]\d*\|c", heard)
    assert f"smart_logistics.run.ended,dag_id={DAG},state=success:1|c" in heard
    assert f"smart_logistics.last_run_success,dag_id={DAG}:1.0|g" in heard


def test_lineage_tells_what_each_job_read_and_wrote(stack: Stack, events: list[dict[str, Any]]) -> None:
    ended = {
        event["job"]["name"].removeprefix(f"{DAG}."): event
        for event in events
        if event["eventType"] == "COMPLETE" and event["outputs"] and event["job"]["name"].startswith(f"{DAG}.")
    }
    root = str(stack.home / "lakehouse")
    assert set(ended) == set(PIPELINE)
    for job, event in ended.items():
        written = {f"{root}/{table.layer}/{table.name}" for table in lineage.writes(job)}
        assert {one["name"] for one in event["outputs"]} == written
        assert {one["name"] for one in event["inputs"] if one["name"].startswith(root)} == {
            f"{root}/{table.layer}/{table.name}" for table in lineage.reads(job)
        }
    sources = {one["name"] for one in ended["bronze_ingest_sql"]["inputs"]}
    assert "logistics.logistics.shipments" in sources


def test_no_secret_is_told(stack: Stack, statsd: Listener) -> None:
    told = (stack.home.parent / LINEAGE).read_text() + "\n".join(statsd.lines)
    secrets = [path.read_text().strip() for path in (stack.home / "secrets").iterdir()]
    secrets += [password for one in secrets if "://" in one and (password := urlsplit(one).password)]
    assert len(secrets) > 5
    assert [one[:4] for one in secrets if one in told] == []


def test_airflow_draws_the_way_from_the_source_to_gold(stack: Stack) -> None:
    with api(stack) as ours:
        assets = {one["name"]: one for one in ours.request("GET", "/assets", params={"limit": 100})["assets"]}
        changes = ours.request("GET", "/assets/events", params={"asset_id": assets["gold.shipment_analytics"]["id"]})
    for job in JOBS:
        for table in lineage.writes(job):
            assert job in {task["task_id"] for task in assets[table.full_name]["producing_tasks"]}
        for table in lineage.reads(job):
            assert job in {task["task_id"] for task in assets[table.full_name]["consuming_tasks"]}
    assert {"source.orders", "landing.iot_telemetry"} <= set(assets)
    assert changes["total_entries"] > 0
    assert not any(str(stack.home) in one["uri"] or os.sep * 3 in one["uri"] for one in assets.values())


def test_up_records_a_run_whose_end_nobody_recorded_and_does_so_once(stack: Stack) -> None:
    where = str(stack.home / "lakehouse" / "ops" / "pipeline_runs")
    before = {row["run_id"]: row for row in stack.rows("ops.pipeline_runs")}
    lost = max(before.values(), key=lambda row: row["ended_at"])["run_id"]
    with tables.writing(str(stack.home / "lakehouse"), PIPELINE_RUNS):
        DeltaTable(where).delete(f"run_id = '{lost}'")
    assert "1 run(s) recorded" in stack.call("up").stderr
    assert {row["run_id"]: row for row in stack.rows("ops.pipeline_runs")} == before
    assert len(stack.rows("ops.pipeline_runs")) == len(before)
    again = stack.call("up")
    assert again.returncode == 0
    assert "run(s) recorded" not in again.stderr
