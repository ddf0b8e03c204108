"""Maintenance over all tables: one that fails keeps no other from its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_logistics.contracts.ops import TABLE_HEALTH
from smart_logistics.contracts.silver import IOT_TELEMETRY, ORDERS
from smart_logistics.errors import ConfigurationError, LakeUnavailable
from smart_logistics.lake import compaction, tables
from smart_logistics.ops import maintenance
from smart_logistics.ops.maintenance import Work
from tests.unit.lake.readings import content, small_files


@pytest.fixture
def root(tmp_path: Path) -> str:
    root = str(tmp_path / "lakehouse")
    small_files(root)
    tables.ensure(root, ORDERS)
    return root


def maintain(root: str, run_id: str = "r") -> list[str]:
    told: list[str] = []
    maintenance.maintain(
        root,
        maintenance.chosen([]),
        run_id=run_id,
        retain_hours=168,
        tell=lambda work: told.append(f"{work.table.full_name}: {work.line()}"),
    )
    return told


def test_it_tells_what_it_did_and_then_has_nothing_to_do(root: str) -> None:
    assert maintain(root) == ["silver.orders: nothing to do", "silver.iot_telemetry: 8 files in 2 partition(s) joined"]
    assert maintain(root, "s")[:2] == ["silver.orders: nothing to do", "silver.iot_telemetry: nothing to do"]


def test_a_dry_run_says_the_same_and_does_nothing(root: str) -> None:
    before = compaction.steps(root, IOT_TELEMETRY)
    works = list(maintenance.planned(root, maintenance.chosen(["silver.iot_telemetry"]), retain_hours=168))
    assert [work.line(planned=True) for work in works] == ["8 files in 2 partition(s) to join"]
    assert compaction.steps(root, IOT_TELEMETRY) == before
    assert tables.open_table(root, TABLE_HEALTH) is None


def test_health_says_what_was_done_and_how_it_is_now(root: str) -> None:
    maintain(root)
    health = {row["table_name"]: row for row in content(root, TABLE_HEALTH)}
    assert health.keys() == {"orders", "iot_telemetry"}
    one = health["iot_telemetry"]
    assert (one["rows"], one["files"], one["small_files"], one["partitions"], one["compacted_files"]) == (
        800,
        2,
        0,
        2,
        8,
    )
    assert one["oldest_file_at"] <= one["newest_file_at"] <= one["measured_at"]
    assert (health["orders"]["rows"], health["orders"]["oldest_file_at"]) == (0, None)


def test_a_table_that_fails_is_named_and_the_others_have_their_turn(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = max((Path(tables.uri(root, IOT_TELEMETRY)) / "_delta_log").glob("*.json"))
    with tables.writing(root, ORDERS):
        tables.advance(root, ORDERS, app="silver_transactional", stamp=1)
    lost = commit.read_bytes()
    commit.write_bytes(b"")
    with pytest.raises(LakeUnavailable, match=r"silver\.iot_telemetry"):
        maintain(root)
    assert [row["table_name"] for row in content(root, TABLE_HEALTH)] == ["orders"]
    # Nothing was done to the table that had lost a commit.
    commit.write_bytes(lost)
    assert len(content(root)) == 800


def test_the_names_of_tables_are_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"gold\.nothing"):
        maintenance.chosen(["silver.orders", "gold.nothing"])
    assert maintenance.chosen(["silver.orders"]) == (ORDERS,)


def test_words() -> None:
    assert Work(ORDERS, 2, 7).line(planned=True) == "7 files in 2 partition(s) to join"
    assert Work(ORDERS).line() == "nothing to do"
