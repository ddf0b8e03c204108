"""What the demo prints at its end, from real Delta tables."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from smart_logistics.cli import summary
from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.fleet.manifest import Observed, compare
from smart_logistics.lake import tables

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
_FILLED: dict[str, Any] = {
    "string": "x",
    "int": 1,
    "bigint": 0,
    "double": 0.0,
    "boolean": False,
    "timestamp": AT,
    "date": AT.date(),
    "array<string>": [],
    "array<int>": [],
}


def add(root: Path, table: Table, *rows: dict[str, Any]) -> None:
    """Append rows; what a row does not say is filled in where it may not be null."""
    filled = {c.name: _FILLED[c.type] for c in table.columns if not c.nullable}
    tables.append_rows(str(root), table, [filled | row for row in rows])


def judged(shipment_id: str, severity: str, **values: Any) -> dict[str, Any]:
    return {
        "shipment_id": shipment_id,
        "alert_severity": severity,
        "avg_temperature_severity": "None",
        "temperature_alert": severity != "None",
    } | values


def letter(record_id: str) -> dict[str, Any]:
    return {
        "record_id": record_id,
        "source_table": "orders",
        "rejection_reason": "NULL_CRITICAL_FIELD",
        "layer": "silver",
        "reprocessing_status": "PENDING",
    }


def excursion(number: int, **values: Any) -> dict[str, Any]:
    return {
        "shipment_id": f"S{number}",
        "excursion_no": 1,
        "severity": "Minor",
        "minutes": 30.0,
        "reading_count": 1,
        "peak_at": AT,
    } | values


@pytest.fixture
def lakehouse(tmp_path: Path) -> str:
    add(
        tmp_path,
        gold.SHIPMENT_ANALYTICS,
        judged("S1", "Critical", shipment_type="Frozen", destination_city="Leh"),
        judged("S2", "None", reading_count=7, avg_temperature=5.0, is_on_time=True),
        judged("S3", "None", is_on_time=False),
    )
    add(
        tmp_path,
        gold.TEMPERATURE_EXCURSIONS,
        excursion(9, severity="Major", peak_deviation=4.0),
        excursion(1, severity="Critical", peak_deviation=3.0, minutes=135.0),
        *(excursion(n, peak_deviation=n / 10) for n in range(2, 7)),
        excursion(8, peak_deviation=1.9, peak_latitude=18.52, peak_longitude=73.86, truck_id="[red]MH"),
    )
    add(
        tmp_path,
        bronze.REJECTED_RECORDS,
        letter("a"),
        letter("b"),
    )
    add(
        tmp_path,
        silver.IOT_TELEMETRY,
        {"event_ts": AT},
        {"event_ts": AT + timedelta(1), "is_outlier": True, "outlier_reason": "SPEED"},
    )
    add(tmp_path, bronze.PROCESSED_FILES_LOG, {"status": "LOADED"})
    add(
        tmp_path,
        DQ_METRICS,
        {"run_id": "r", "severity": "warn", "status": "warn", "value": 0.07, "threshold": 0.05, "detail": "7 of [100]"},
        {"run_id": "r", "severity": "error", "status": "pass"},
        {"run_id": "other", "severity": "error", "status": "fail"},
    )  # fmt: skip
    return str(tmp_path)


def shown(lakehouse: str, run_id: str = "r") -> str:
    out = io.StringIO()
    summary.show(lakehouse, run_id, Console(file=out, width=160, soft_wrap=True, highlight=False))
    return out.getvalue()


def lines(text: str, word: str) -> list[str]:
    return [" ".join(line.replace("│", " ").split()) for line in text.splitlines() if word in line]


def test_what_was_observed_is_what_the_manifest_counts(lakehouse: str) -> None:
    assert summary.observe(lakehouse) == Observed(
        shipments=3,
        alerts={"Critical": 1, "None": 2},
        excursions=8,
        rejections={"orders.NULL_CRITICAL_FIELD": 2},
        outliers={"SPEED": 1},
        silver_readings=2,
        files={"LOADED": 1},
    )


def test_an_empty_lakehouse_can_be_observed_and_shown(tmp_path: Path) -> None:
    assert summary.observe(str(tmp_path)).shipments == 0
    assert "No excursion" in shown(str(tmp_path))


def test_the_worst_five_come_by_severity_then_deviation(lakehouse: str) -> None:
    text = shown(lakehouse)
    order = [name for line in text.splitlines() for name in ("S1", "S9", "S8", "S6", "S5", "S4") if f" {name} " in line]
    assert order == ["S1", "S9", "S8", "S6", "S5"]
    assert "2 h 15 min" in lines(text, " S1 ")[0]
    assert lines(text, " S1 ")[0].endswith("position unknown, on the way to Leh")
    assert "in Pune (18.520, 73.860)" in lines(text, " S8 ")[0]


def test_data_is_not_taken_for_markup(lakehouse: str) -> None:
    text = shown(lakehouse)
    assert "[red]MH" in text
    assert "7 of [100]" in text


def test_rejections_alerts_and_this_runs_verdict_are_told(lakehouse: str) -> None:
    text = shown(lakehouse)
    assert lines(text, "Critical")[0] == "Critical 1 0 0.0"
    assert "3 shipments, 1 with readings, 1 of 2 delivered on time" in text
    assert lines(text, "NULL_CRITICAL_FIELD") == ["2 orders.NULL_CRITICAL_FIELD"]
    assert "verdict warn: 1 pass, 1 warn, 0 fail" in text
    assert "recorded no checks" in shown(lakehouse, "unknown")


def test_differences_from_the_manifest_are_named(lakehouse: str) -> None:
    manifest = summary.observe(lakehouse).as_json() | {"excursions": 9}
    out = io.StringIO()
    summary.show_comparison(compare(manifest, summary.observe(lakehouse)), Console(file=out, width=160))
    assert "excursions: 8, the manifest says 9" in out.getvalue()
    out = io.StringIO()
    summary.show_comparison([], Console(file=out, width=160))
    assert "as planted" in out.getvalue()
