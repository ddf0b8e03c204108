"""What a file says is kept for as long as the file is the table's, and never instead of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from smart_logistics.contracts import silver
from smart_logistics.lake import digest, tables
from smart_logistics.lake.tables import instant

ROOT_ROW = {"driver_id": 0, "is_deleted": False, "_ingested_at": instant(1), "_changed_at": instant(1)}


@pytest.fixture
def root(tmp_path: Path) -> str:
    lakehouse = str(tmp_path / "lakehouse")
    for number in range(3):
        tables.append_rows(lakehouse, silver.DRIVERS, [ROOT_ROW | {"driver_id": number}])
    return lakehouse


def _largest(rows: pa.Table) -> int:
    return int(pc.max(rows["driver_id"]).as_py())


def total(root: str, columns: tuple[str, ...] = ("driver_id",)) -> int:
    found = tables.open_table(root, silver.DRIVERS)
    assert found is not None
    return digest.total(root, silver.DRIVERS, found, columns, _largest)


def kept(root: str) -> Path:
    (place,) = Path(root, "_digests").iterdir()
    return place


def test_a_file_is_read_once(root: str) -> None:
    assert total(root) == 3
    for path in Path(root, "silver", "drivers").glob("*.parquet"):
        path.write_bytes(b"no parquet")
    tables.append_rows(root, silver.DRIVERS, [ROOT_ROW | {"driver_id": 40}])
    assert total(root) == 43


def test_a_file_that_is_the_tables_no_more_says_nothing(root: str) -> None:
    total(root)
    found = tables.open_table(root, silver.DRIVERS)
    assert found is not None
    found.delete("driver_id = 2")
    assert total(root) == 1
    assert kept(root).read_text().count(":") == 2 + 2  # the two columns of the page, and two files


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"kept": 3}',
        '{"columns": ["other"], "kept": {"x": 7}}',
        '{"columns": ["driver_id"], "kept": 3}',
        '{"columns": ["driver_id"], "kept": {"x": 7}}',
    ],
)
def test_what_was_kept_and_is_damaged_is_worked_out_again(root: str, damage: str) -> None:
    total(root)
    kept(root).write_text(damage)
    assert total(root) == 3
