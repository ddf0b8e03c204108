"""A new user's first hours, in order: demo, a quiet hour, a change, and wave 2.

Each test builds on the one before it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from deltalake import DeltaTable

from smart_logistics import settings
from smart_logistics.cli.run_watch import run_pipeline
from smart_logistics.stack.connections import source_dsn
from tests.e2e.contract_tables import COLUMNS
from tests.e2e.lake import NINE, agrees_with_the_oracle, analytics, changed, everything
from tests.e2e.stack import Row, Stack, content, states


def without(rows: list[Row], *names: str) -> list[Row]:
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


def sql(stack: Stack, statement: str) -> None:
    """Run a statement on the source, as the delivery company's own software would."""
    dsn = source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with psycopg.connect(dsn) as connection:
        connection.execute(statement.encode())


def test_demo_ends_with_gold_as_planted(stack: Stack) -> None:
    printed = stack.must("demo")
    planted = stack.manifest()
    rows = analytics(stack)
    assert len(rows) == planted["shipments"] >= 100
    severities = [row["alert_severity"] for row in rows]
    assert {one: severities.count(one) for one in planted["alerts"]} == planted["alerts"]
    assert len(stack.rows("gold.temperature_excursions")) == planted["excursions"]
    letters = [f"{row['source_table']}.{row['rejection_reason']}" for row in stack.rows("bronze.rejected_records")]
    assert {one: letters.count(one) for one in set(letters)} == planted["rejections"]
    for word in ("Critical", "as planted", "logistics down", "http://127.0.0.1:"):
        assert word in printed


def test_every_table_of_the_contract_has_its_columns(stack: Stack) -> None:
    for name, columns in COLUMNS.items():
        table = DeltaTable(str(stack.home / "lakehouse" / Path(*name.split("."))))
        present = [field.name for field in table.schema().fields]
        assert not set(columns.split()) - set(present), name


def test_gold_is_what_the_sources_say(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    agrees_with_the_oracle(stack, capsys)


def test_the_two_bronze_tasks_ran_at_the_same_time(stack: Stack) -> None:
    times = {
        row["task_id"]: (row["started_at"], row["ended_at"])
        for row in stack.rows("ops.task_runs")
        if row["state"] == "success"
    }
    assert times.keys() >= NINE
    first, second = times["bronze_ingest_sql"], times["bronze_ingest_iot"]
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    assert overlap > timedelta(seconds=1)
    assert times["gold_aggregate"][0] >= max(times["silver_iot"][1], times["silver_transactional"][1])


def test_a_quiet_hour_with_nothing_new_changes_no_row(stack: Stack) -> None:
    before = everything(stack)
    run = stack.run()
    assert set(run) == {"dag_run_id", "state", "duration_s", "tasks"}
    found = states(run)
    assert found.keys() == NINE
    assert found["wait_for_iot_files"] == found["bronze_ingest_iot"] == "skipped"
    assert set(found.values()) == {"skipped", "success"}
    assert everything(stack) == before


def test_a_quiet_hour_still_takes_changes_from_the_source(stack: Stack) -> None:
    before = content(analytics(stack), "shipment_id")
    one = sorted(before)[0]
    sql(stack, f"UPDATE logistics.shipments SET destination_city = 'Leh' WHERE shipment_id = '{one}'")
    found = states(stack.run())
    assert found["bronze_ingest_iot"] == "skipped"
    assert changed(before, content(analytics(stack), "shipment_id")) == {one}
    assert {row["destination_city"] for row in analytics(stack) if row["shipment_id"] == one} == {"Leh"}


def test_wave_2_changes_the_affected_shipments_only(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    before = analytics(stack)
    stack.must("seed", "--wave", "2")
    found = states(stack.run())
    assert set(found.values()) == {"success"}
    after = analytics(stack)
    planted = stack.manifest()
    assert len(after) == planted["shipments"]
    rewritten = changed(content(before, "shipment_id"), content(after, "shipment_id"))
    different = changed(
        content(without(before, "updated_at"), "shipment_id"), content(without(after, "updated_at"), "shipment_id")
    )
    assert rewritten == different
    assert 0 < len(different) < len(after)
    agrees_with_the_oracle(stack, capsys)


def test_query_answers_in_each_format(stack: Stack) -> None:
    rows = stack.query("SELECT count(*) AS n FROM gold.shipment_analytics")
    assert rows == [{"n": len(analytics(stack))}]
    assert stack.must("query", "SELECT 1 AS one", "--format", "csv").splitlines() == ["one", "1"]
    assert "Refrigerated" in stack.must("query", "SELECT type_name FROM silver.shipment_types")
    assert stack.call("query", "SELECT * FROM gold.nothing").returncode != 0


def test_upkeep_by_command_and_by_airflow_changes_no_row(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(stack)
    assert "bronze.rejected_records" in stack.must("maintain", "--dry-run")
    assert " files joined" in stack.must("maintain")
    monkeypatch.setenv("LOGISTICS_HOME", str(stack.home))
    run = run_pipeline("smart_logistics_maintenance", 600).as_json()
    assert states(run) == dict.fromkeys(("lakehouse_maintenance", "full_audit", "clean_up"), "success")
    health = stack.query(f"SELECT * FROM ops.table_health WHERE run_id = '{run['dag_run_id']}'")
    assert {row["small_files"] for row in health if row["layer"] in ("bronze", "silver", "gold")} == {0}
    assert everything(stack) == before


def test_a_job_runs_without_airflow(stack: Stack) -> None:
    before = everything(stack)
    stack.must("job", "gold_aggregate")
    assert everything(stack) == before
