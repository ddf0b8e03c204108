"""A few rows by their key, from a process without Spark."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from smart_logistics.contracts.ops import MISSED_DEADLINES
from smart_logistics.lake import small, tables

HOSTILE = "manual__2026'; -- \\ {{ x }}"


def row(run_id: str, deadline: str, detail: str) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "dag_id": "d",
        "run_id": run_id,
        "deadline": deadline,
        "severity": "warn",
        "missed_at": at,
        "limit_minutes": 1.0,
        "detail": detail,
    }


def test_rows_of_the_same_key_are_replaced_and_all_others_stay_whatever_their_names(tmp_path: Path) -> None:
    root = str(tmp_path)
    small.merge_rows(root, MISSED_DEADLINES, [row("a", "x", "1"), row(HOSTILE, "x", "2")])
    small.merge_rows(root, MISSED_DEADLINES, [row("b", "x", "3")])
    small.merge_rows(root, MISSED_DEADLINES, [row(HOSTILE, "x", "4"), row(HOSTILE, "y", "5"), row("c", "x", "6")])
    table = tables.open_table(root, MISSED_DEADLINES)
    assert table is not None
    found = table.to_pyarrow_table().to_pylist()
    assert sorted((one["run_id"], one["deadline"], one["detail"]) for one in found) == sorted(
        [("a", "x", "1"), ("b", "x", "3"), ("c", "x", "6"), (HOSTILE, "x", "4"), (HOSTILE, "y", "5")]
    )
    # What was rewritten can be filtered by Arrow.
    assert table.to_pyarrow_dataset().count_rows(filter=pc.field("run_id") == HOSTILE) == 2


@pytest.mark.parametrize("write", [small.merge_rows, tables.append_rows])
def test_a_table_whose_columns_were_explained_in_other_words_is_written_on(tmp_path: Path, write: Any) -> None:
    root = str(tmp_path)
    reworded = [replace(column, meaning="In other words.") for column in MISSED_DEADLINES.columns]
    tables.ensure(root, replace(MISSED_DEADLINES, columns=tuple(reworded)))
    write(root, MISSED_DEADLINES, [row("a", "x", "1")])
    table = tables.open_table(root, MISSED_DEADLINES)
    assert table is not None
    assert table.to_pyarrow_table().num_rows == 1
