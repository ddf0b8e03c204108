"""The audit on a lakehouse that the jobs made: nothing to say, and after damage behind the gate's back, each of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS, Decision, Via
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.dispositions import book
from smart_logistics.dispositions.book import Request
from smart_logistics.errors import QualityGateFailed
from smart_logistics.jobs import full_audit, gold_aggregate, silver_iot, silver_transactional
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import tables
from smart_logistics.lake.still import Still
from smart_logistics.lake.store import Lake
from smart_logistics.quality import checks, declared
from tests.spark.quality import lakes
from tests.spark.quality.silent import SILENT, rewrite

Found = dict[tuple[str, str], dict[str, Any]]
_SETTINGS = {"MAX_CLOCK_SKEW_MINUTES": 10, "HOLD_MINUTES": 60}


def audit(lake: Lake, run_id: str) -> dict[str, Any]:
    lake.job = "full_audit"
    return dict(full_audit.run(Context(lake, run_id, "", _SETTINGS)))


def recorded(lake: Lake, run_id: str) -> Found:
    rows = DeltaTable(tables.uri(lake.root, DQ_METRICS)).to_pyarrow_table().to_pylist()
    return {(f"{r['layer']}.{r['table_name']}", r["check_name"]): r for r in rows if r["run_id"] == run_id}


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Silver and Gold made by the jobs of what the sound lakehouse's Bronze holds."""
    root = tmp_path_factory.mktemp("made") / "lakehouse"
    lakes.only_bronze(root)
    lake = lakes.lake_of(spark, root, "")
    for name, job in (
        ("silver_transactional", silver_transactional),
        ("silver_iot", silver_iot),
        ("gold_aggregate", gold_aggregate),
    ):
        lake.job = name
        job.run(Context(lake, "r", "", _SETTINGS))
    return lake


def test_nothing_is_wrong_with_what_the_jobs_made_and_then_each_silent_change_is_named(made: Lake) -> None:
    key = Request("k", "S1", 1, Decision.QUARANTINE, "the door stood open", "asha", Via.COMMAND_LINE)
    entry = book.decide(made.root, key).entry
    progress = made.progress(DQ_METRICS, "data_quality_check")
    result = audit(made, "r1")
    found = recorded(made, "audit__r1")
    assert {name: row["detail"] for name, row in found.items() if row["status"] != "pass"} == {}
    assert result == {"rows": len(found), "failed": 0, "warned": 0, "verdict": "pass"}
    assert set(found) == {(table.full_name, one.name) for one, chosen in declared.AUDIT.items() for table in chosen}
    assert all(found[table.full_name, "rebuilt"]["value"] == 0 for table in declared.AUDIT[checks.REBUILT])

    for table, where, values, _ in SILENT:
        rewrite(made, table, where, values)
    rewrite(made, gold.TEMPERATURE_EXCURSIONS, {"shipment_id": "S1"}, None)
    rewrite(made, bronze.IOT_TELEMETRY, {"position": 2}, None)
    allow = DeltaTable(tables.uri(made.root, EXCURSION_DISPOSITIONS)).alter
    allow.set_table_properties({"delta.appendOnly": "false"})
    rewrite(made, EXCURSION_DISPOSITIONS, {"entry_no": entry["entry_no"]}, {"decision": "release"})
    with pytest.raises(QualityGateFailed):
        audit(made, "audit__r2")
    found = recorded(made, "audit__r2")
    for table, _, _, detail in SILENT:
        assert found[table.full_name, "rebuilt"]["status"] == "fail", table
        assert detail in found[table.full_name, "rebuilt"]["detail"]
    failed = {name for name, row in found.items() if row["status"] == "fail"}
    assert {
        ("silver.customers", "from_bronze"),
        ("silver.iot_telemetry", "from_bronze"),
        ("silver.iot_telemetry", "readings_reconciled"),
        ("bronze.processed_files_log", "files_reconciled"),
        ("gold.temperature_excursions", "excursions_agree"),
        ("gold.temperature_excursions", "rebuilt"),
        ("gold.shipment_analytics", "recomputed"),
        ("gold.excursion_dispositions", "chain"),
    } <= failed
    assert "entry 1 is not what was hashed" in found["gold.excursion_dispositions", "chain"]["detail"]
    assert made.progress(DQ_METRICS, "data_quality_check") == progress


def test_the_audit_goes_on_while_a_job_writes(spark: SparkSession, tmp_path: Path) -> None:
    lakes.healthy(tmp_path / "lakehouse")
    lake = lakes.lake_of(spark, tmp_path / "lakehouse", "tests")
    still = Still(spark, lake.root, "full_audit")
    stamp = lake.new_stamp()
    lakes.append(lake, silver.CUSTOMERS, lakes.silver_row(silver.CUSTOMERS, stamp, customer_id=2), stamp=stamp)
    assert still.read(silver.CUSTOMERS).count() == 1
    assert lake.read(silver.CUSTOMERS).count() == 2
