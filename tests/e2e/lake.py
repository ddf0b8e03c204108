"""What the tests read in the lake, and what they know of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.contract_tables import COLUMNS
from tests.e2e.stack import Row, Stack
from tests.oracle.__main__ import main as audit

SILVER = [name for name in COLUMNS if name.startswith("silver.")]
GOLD = [name for name in COLUMNS if name.startswith("gold.")]
NINE = {
    "start",
    "wait_for_iot_files",
    "bronze_ingest_sql",
    "bronze_ingest_iot",
    "silver_transactional",
    "silver_iot",
    "gold_aggregate",
    "data_quality_check",
    "end",
}


def everything(stack: Stack) -> dict[str, list[str]]:
    """Return the content of every Silver and Gold table, order aside."""
    return {name: sorted(str(sorted(row.items())) for row in stack.rows(name)) for name in [*SILVER, *GOLD]}


def changed(before: dict[Any, Any], after: dict[Any, Any]) -> set[Any]:
    """Return the keys whose row is new, gone or different."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def analytics(stack: Stack) -> list[Row]:
    return stack.rows("gold.shipment_analytics")


def agrees_with_the_oracle(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    code = audit([str(stack.home / "lakehouse"), str(stack.home), "--every-batch-was-judged"])
    assert code == 0, capsys.readouterr().out
