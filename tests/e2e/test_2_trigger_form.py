"""What the form of a run offers, on the real stack: a plan that changes nothing, and layers made again."""

from __future__ import annotations

import json
import re

import psycopg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from smart_logistics import settings
from smart_logistics.orchestration.api import AirflowUnavailable
from smart_logistics.orchestration.run_record import PIPELINE_ID
from smart_logistics.stack.connections import source_dsn
from tests.e2e.lake import GOLD, SILVER, agrees_with_the_oracle
from tests.e2e.manual import wait_for_end
from tests.e2e.monitors import api
from tests.e2e.stack import Stack

pytestmark = pytest.mark.long

_FILE = "iot_telemetry_20261101_000000_planned.json"


def versions(stack: Stack) -> dict[str, int]:
    """Return the version of every table of Bronze, Silver and Gold, and of the results of the checks."""
    found = (path.parent for path in (stack.home / "lakehouse").glob("*/*/_delta_log"))
    kept = ("ops/pipeline_runs", "ops/task_runs", "ops/missed_deadlines")  # runs, of which a dry one is one
    named = {f"{path.parent.name}/{path.name}": path for path in found}
    return {name: DeltaTable(str(path)).version() for name, path in named.items() if name not in kept}


def asset_events(stack: Stack) -> int:
    with api(stack) as airflow:
        return int(airflow.request("GET", "/assets/events", params={"limit": 1})["total_entries"])


def news(stack: Stack) -> None:
    with psycopg.connect(source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))) as connection:
        connection.execute("UPDATE logistics.customers SET city = 'Leh', updated_at = now() WHERE customer_id = 1")
    (stack.home / "landing" / _FILE).write_text("{}\n{}\n")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(lived_in: Stack) -> None:
    stack = lived_in
    stack.must("up")
    stack.run()
    before, events = versions(stack), asset_events(stack)
    news(stack)
    done = stack.call("run", "--dry-run", "--refresh", "silver and gold")
    assert done.returncode == 0, done.stderr
    assert versions(stack) == before
    assert asset_events(stack) == events
    assert (stack.home / "landing" / _FILE).exists()
    said = " ".join(done.stderr.split())
    assert re.search(r'bronze_ingest_iot would find {[^}]*"files": 1\b', said), said
    assert re.search(r'bronze_ingest_sql would find .*"customers": [1-9]', said), said
    # What is there is sound, so to make it again would change nothing.
    assert said.count("would write") == 3, said
    for task in ("silver_transactional", "silver_iot", "gold_aggregate"):
        assert f"{task} would write nothing" in said, said
    assert "dry_run" in {row["run_type"] for row in stack.rows("ops.pipeline_runs")}
    stack.run()
    assert not (stack.home / "landing" / _FILE).exists()


def test_layers_are_made_again_and_what_differed_is_mended(lived_in: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack = lived_in
    before = shown(stack)
    for name, column, value in (
        ("silver/customers", "name", "Mallory"),
        ("silver/iot_telemetry", "temperature", 1.25),
        ("gold/shipment_analytics", "max_temperature", 99.0),
    ):
        _overwrite(stack, name, column, value)
    assert shown(stack) != before
    done = stack.call("run", "--refresh", "silver and gold", "--json")
    assert done.returncode == 0, done.stderr
    assert shown(stack) == before
    agrees_with_the_oracle(stack, capsys)
    with api(stack) as airflow:
        told = airflow.counts(PIPELINE_ID, json.loads(done.stdout)["dag_run_id"], "silver_iot")
    assert told["rows_again"] >= 1


def test_the_form_refuses_what_it_does_not_offer(lived_in: Stack) -> None:
    with api(lived_in) as airflow:
        with pytest.raises(AirflowUnavailable, match="refresh"):
            airflow.trigger(PIPELINE_ID, {"refresh": "bronze"})
        run_id = airflow.trigger(PIPELINE_ID, {"from_day": "2026-11-01"})
        assert wait_for_end(lived_in, PIPELINE_ID, run_id) == "failed"
        (start,) = [task for task in airflow.tasks(PIPELINE_ID, run_id) if task["task_id"] == "start"]
        assert (start["state"], start["try_number"]) == ("failed", 1)
        assert lived_in.run()["state"] == "success"


def shown(stack: Stack) -> dict[str, list[str]]:
    """Return Silver and Gold without the times at which rows last changed."""
    found = {}
    for name in (*SILVER, *GOLD):
        hidden = {"_changed_at", "_used_changed_at"} | ({"updated_at"} if name in GOLD else set())
        rows = [{key: value for key, value in row.items() if key not in hidden} for row in stack.rows(name)]
        found[name] = sorted(str(sorted(row.items())) for row in rows)
    return found


def _overwrite(stack: Stack, name: str, column: str, value: object) -> None:
    """Change one row of a table as no job would."""
    table = DeltaTable(str(stack.home / "lakehouse" / name))
    rows = table.to_pyarrow_table().to_pylist()
    rows[0] |= {column: value}
    schema = pa.schema(table.schema().to_arrow())
    write_deltalake(table, pa.Table.from_pylist(rows, schema=schema), mode="overwrite")
