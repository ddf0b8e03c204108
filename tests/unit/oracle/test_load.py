"""The oracle against Delta tables and folders, as ``python -m tests.oracle`` reads them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from smart_logistics import contracts
from smart_logistics.lake import tables
from tests.oracle import Source, differences, expect
from tests.oracle.__main__ import main
from tests.oracle.hostile_data import hostile_waves, source_of
from tests.oracle.load import Lakehouse, SourceIncompleteError
from tests.oracle.load import source_of as source_behind
from tests.oracle.source_tables import BY_NAME, holds
from tests.unit.oracle.test_compare import as_lake


def write(root: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    table = contracts.BY_FULL_NAME[name]
    tables.append_rows(str(root), table, [{**blank(table), **row} for row in rows])


def blank(table: Any) -> dict[str, Any]:
    """A value for each column that must not be null; as a partition an empty text would be one."""
    moment = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    by_type = {
        "string": "2026-03",
        "timestamp": moment,
        "date": moment.date(),
        "int": 0,
        "bigint": 0,
        "boolean": False,
        "double": 0.0,
    }
    return {
        column.name: ([] if column.type.startswith("array") else by_type.get(column.type, Decimal(0)))
        for column in table.columns
        if not column.nullable
    }


def extracted(source: Source, table: str) -> list[dict[str, Any]]:
    """Versions as Bronze keeps them: what a type cannot hold is null there and named in ``_rescued_data``."""
    kinds, rows = BY_NAME[table].columns, []
    for version in source.versions:
        if version.table == table:
            bad = {name: str(value) for name, value in version.values.items() if not holds(kinds[name], value)}
            row = {name: None if name in bad else value for name, value in version.values.items()}
            rescued = json.dumps(bad) if bad else None
            rows.append({**row, "_rescued_data": rescued, "_ingested_at": version.extracted_at})
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Source]:
    """A lakehouse and its archive, exactly as the hostile waves demand."""
    home = tmp_path_factory.mktemp("home")
    root = home / "lakehouse"
    source = source_of(hostile_waves(11, 4, files=30))
    expected = expect(source)
    for name in BY_NAME:
        write(root, f"bronze.{name}", extracted(source, name))
    gone = [{"source_table": d.table, "source_key": d.key, "_ingested_at": d.noticed_at} for d in source.deletions]
    write(root, "bronze.source_deletes", gone)
    for name, rows in as_lake(expected).items():
        write(root, name, [plain(row) for row in rows])
    statuses = {row["checksum_md5"]: row["status"] for row in expected.tables["bronze.processed_files_log"]}
    for number, file in enumerate(source.files):
        status = statuses.get(md5(file.data, usedforsecurity=False).hexdigest())
        if status is not None:
            folder = home / ("failed" if status == "FAILED" else "archive/2026/03/31")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}_{file.name}").write_bytes(file.data)
    return root, home, source


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sorted(value.values)[0] if hasattr(value, "values") else value for name, value in row.items()}


def test_a_lakehouse_that_follows_from_its_sources_has_no_differences(place: tuple[Path, Path, Source]) -> None:
    root, home, source = place
    lakehouse = Lakehouse(root)
    expected = expect(source_behind(lakehouse, home))
    assert Counter(expected.dead_letters) == Counter(expect(source).dead_letters)
    assert differences(expected, lakehouse.read, noticed_moments=True) == []


def test_the_command_prints_the_verdict_and_exits_0_or_1(
    place: tuple[Path, Path, Source], capsys: pytest.CaptureFixture[str]
) -> None:
    root, home, _ = place
    assert main([str(root), str(home)]) == 0
    assert capsys.readouterr().out.startswith("0 differences; expected rows: ")
    assert main([str(root), str(home), "--max-clock-skew-minutes", "1000000000"]) == 1
    assert "BUSINESS_RULE_VIOLATION" in capsys.readouterr().out


def test_an_empty_lakehouse_follows_from_nothing(tmp_path: Path) -> None:
    assert main([str(tmp_path), str(tmp_path)]) == 0


def test_a_logged_file_that_lies_nowhere_is_named(tmp_path: Path) -> None:
    row = {"file_name": "a.json", "checksum_md5": "0" * 32, "status": "LOADED"}
    write(tmp_path, "bronze.processed_files_log", [row])
    with pytest.raises(SourceIncompleteError, match=r"a\.json"):
        source_behind(Lakehouse(tmp_path), tmp_path)
    assert main([str(tmp_path), str(tmp_path)]) == 1


def test_a_failed_file_in_the_archive_is_misplaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, data = "iot_telemetry_20260301_000000_a.json", b"x"
    log = {"file_name": name, "status": "FAILED", "file_size_bytes": 1, "record_count": 0, "rejected_count": 0}
    write(
        tmp_path, "bronze.processed_files_log", [{**log, "checksum_md5": md5(data, usedforsecurity=False).hexdigest()}]
    )
    for folder, code in (("archive/2026/03/01", 1), ("failed", 0)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_bytes(data)
        assert main([str(tmp_path), str(tmp_path)]) == code
    assert "not in failed/" in capsys.readouterr().out


def test_moments_are_read_in_utc(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2026-03-01T05:30:00.000001+05:30")
    write(tmp_path, "bronze.source_deletes", [{"source_table": "customers", "source_key": "1", "_ingested_at": moment}])
    (deletion,) = source_behind(Lakehouse(tmp_path), tmp_path).deletions
    assert deletion.noticed_at == moment
    assert deletion.noticed_at.utcoffset() == timedelta(0)
