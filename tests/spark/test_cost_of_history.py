"""A run's work grows with what is new, not with history: it opens no file of times long past.

The files of an old time are overwritten with rubbish, and then the next hour comes: whatever reads one of them, by
Spark, by Arrow or by delta-rs, fails. Companies' master data (customers, vehicles, drivers, warehouses, shipment types)
is left whole: it is as large as the company, not as its history, and may be read whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from smart_logistics.contracts import ALL_TABLES
from smart_logistics.jobs import data_quality_check
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import at_hand, small, still, tables
from smart_logistics.lake.store import Lake
from tests.spark.pipeline import run_pipeline
from tests.spark.quality import lakes
from tests.spark.silver.builders import PARENTS, at, extract, lose, reading, row

MASTER_DATA = (*PARENTS, "drivers")
RUBBISH = b"no parquet"
_LONG_AGO = -60 * 1440
_PLATES = ("MH12AB1234", "KA05XY0001")


def set_clock(patch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Set the time by which batches are stamped."""
    now = moment.timestamp()
    patch.setattr(tables, "time", SimpleNamespace(time_ns=lambda: int(now) * 1_000_000_000))


def a_day(lake: Lake, number: int, minutes: float) -> None:
    """Bring one day's orders, shipments, journeys and readings, with what is wrong with some of them."""
    names = [f"{number}-{n}" for n in range(3)]
    start = {"assignment_start_time": at(minutes), "assignment_end_time": at(minutes + 600)}
    extract(
        lake,
        orders=[
            *(row("orders", order_id=name) for name in names),
            row("orders", order_id=f"{number}-X", customer_id=None),
        ],
        shipments=[
            row("shipments", shipment_id=name, order_id=name, created_at=at(minutes), updated_at=at(minutes))
            for name in names
        ],
        shipment_status_events=[
            row("shipment_status_events", event_id=number * 10 + n, shipment_id=name, changed_at=at(minutes + n))
            for n, name in enumerate(names)
        ],
        truck_assignments=[
            row("truck_assignments", assignment_id=number * 10 + n, shipment_id=name, vehicle_id=n % 2 + 1, **start)
            for n, name in enumerate(names)
        ],
    )
    for number_of_file, plate in enumerate((*_PLATES, _PLATES[0])):  # the last one holds repeats
        readings = [reading(minutes + 10 * n, truck_id=plate, temperature=5.0 + n) for n in range(6)]
        lakes.land(lake, readings, file=f"{number}-{number_of_file}.json")


def an_hour_later(lake: Lake, number: int, minutes: float) -> None:
    """Bring changes of that day's rows, a late reading that changes flags, a deletion, and a letter's correction."""
    name = f"{number}-0"
    extract(
        lake,
        orders=[row("orders", order_id=f"{number}-X"), row("orders", order_id=name, total_amount=None)],
        shipment_status_events=[
            row(
                "shipment_status_events",
                event_id=number * 10 + 5,
                shipment_id=name,
                status="In Transit",
                changed_at=at(minutes + 90),
            )
        ],
        truck_assignments=[
            row(
                "truck_assignments",
                assignment_id=number * 10,
                shipment_id=name,
                assignment_start_time=at(minutes),
                assignment_end_time=at(minutes + 700),
            )
        ],
    )
    lose(lake, "shipments", f"{number}-2")
    lakes.land(lake, [reading(minutes + 65, temperature=30.0)], file=f"{number}-late.json")


def run_all(lake: Lake, run_id: str) -> dict[str, Mapping[str, Any]]:
    """Run what comes behind Bronze, and the gate."""
    results = run_pipeline(lake)
    lake.job = "data_quality_check"
    return results | {lake.job: data_quality_check.run(Context(lake, run_id, "", {"HOLD_MINUTES": 60}))}


def data_files(lake: Lake) -> set[Path]:
    """Return the live files of all tables but master data."""
    opened = {table: tables.open_table(lake.root, table) for table in ALL_TABLES}
    return {
        Path(uri)
        for table, found in opened.items()
        if found is not None and not (table.layer == "silver" and table.name in MASTER_DATA)
        for uri in found.file_uris()
    }


@pytest.fixture(scope="module")
def lost_past(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse of a day two months ago, whose files are rubbish, and of yesterday."""
    lake = Lake(spark, str(tmp_path_factory.mktemp("history") / "lakehouse"), "tests")
    vehicles = [row("vehicles", vehicle_id=n + 1, license_plate=plate) for n, plate in enumerate(_PLATES)]
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, at(_LONG_AGO + 300))
        extract(lake, **{name: [row(name)] for name in MASTER_DATA if name != "vehicles"}, vehicles=vehicles)
        a_day(lake, 1, _LONG_AGO)
        run_all(lake, "1")
        an_hour_later(lake, 1, _LONG_AGO)
        run_all(lake, "2")
        past = data_files(lake)
        set_clock(patch, at(300))
        a_day(lake, 2, 0)
        run_all(lake, "3")
    lost = past & data_files(lake)
    assert {path.relative_to(lake.root).parts[:2] for path in lost} >= {
        ("bronze", "iot_telemetry"),
        ("bronze", "rejected_records"),
        *(("silver", name) for name in ("orders", "iot_telemetry", "shipments", "truck_assignments")),
        ("gold", "shipment_analytics"),
        *(("gold", name) for name in ("temperature_excursions", "fleet_daily", "route_daily")),
        ("bronze", "shipments"),
        ("bronze", "processed_files_log"),
        ("ops", "dq_metrics"),
    }
    for path in lost:
        path.write_bytes(RUBBISH)
    return Path(lake.root)


@pytest.mark.parametrize("most_rows", [20_000, 0], ids=["few rows", "the way of Spark"])
def test_the_next_hour_opens_no_file_of_two_months_ago(
    spark: SparkSession, tmp_path: Path, lost_past: Path, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    lake = Lake(spark, str(tmp_path / "lakehouse"), "tests")
    shutil.copytree(lost_past, lake.root)
    monkeypatch.setattr(small, "MOST_ROWS", most_rows)
    monkeypatch.setattr(at_hand, "MOST_ROWS", most_rows)
    set_clock(monkeypatch, at(600))
    an_hour_later(lake, 2, 0)
    a_day(lake, 3, 120)
    monkeypatch.setattr(still, "_FEW_ROWS", most_rows)
    results = run_all(lake, "4")
    assert all(result["rows"] for result in results.values())
    assert (results["silver_transactional"]["rejected"], results["silver_iot"]["rejected"]) == (1, 6)
    assert results["gold_aggregate"]["excursions"]


def test_whoever_reads_a_whole_table_is_found_out(lost_past: Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        DeltaTable(str(lost_past / "silver" / "orders")).to_pyarrow_table()
