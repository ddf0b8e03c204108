"""A table on local storage that is behind what was committed, or differs from it, is refused and can be put back."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.bronze import SOURCE_DELETES
from smart_logistics.errors import LakeDamaged
from smart_logistics.lake import ledger, tables

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Site:
    """A lakehouse of one table, and where its log and the copies of its commits lie."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.table = root / "bronze" / "source_deletes"
        self.log = self.table / "_delta_log"
        self.copies = root / "_commits" / "bronze.source_deletes"

    def append(self, *keys: str) -> None:
        row = {"source_table": "orders", "_ingested_at": AT, "_run_id": "r", "_ingestion_date": AT.date()}
        with tables.writing(self.root, SOURCE_DELETES):
            tables.append_rows(self.root, SOURCE_DELETES, [row | {"source_key": key} for key in keys])

    def append_unacknowledged(self, key: str) -> None:
        """Commit, and be killed before the lock's holder notes it down."""
        row = {"source_table": "orders", "_ingested_at": AT, "_run_id": "r", "_ingestion_date": AT.date()}
        tables.append_rows(self.root, SOURCE_DELETES, [row | {"source_key": key}])

    def keys(self) -> list[str]:
        return sorted(DeltaTable(self.table).to_pyarrow_table()["source_key"].to_pylist())

    def newest(self) -> Path:
        return max(self.log.glob("*.json"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "lake house")
    site.append("a")
    site.append("b", "c")
    return site


def test_the_newest_commits_are_copied_and_older_copies_forgotten(site: Site) -> None:
    for number in range(ledger.KEPT + 3):
        site.append(str(number))
    copies = sorted(site.copies.glob("*"))
    assert [path.name for path in copies] == [path.name for path in sorted(site.log.glob("*.json"))[-ledger.KEPT :]]
    assert all(path.read_bytes() == (site.log / path.name).read_bytes() for path in copies)


@pytest.mark.parametrize("damage", ["emptied", "missing", "cut off", "another one"])
def test_a_damaged_commit_is_refused_and_its_copy_puts_it_back(site: Site, damage: str) -> None:
    commit = site.newest()
    whole = commit.read_bytes()
    match damage:
        case "emptied":
            commit.write_bytes(b"")
        case "missing":
            commit.unlink()
        case "cut off":
            commit.write_bytes(whole[: len(whole) // 2])
        case _:
            shutil.copy(sorted(site.log.glob("*.json"))[0], commit)
    with pytest.raises(LakeDamaged, match=commit.name) as refused:
        tables.check_all(site.root)
    with pytest.raises(LakeDamaged):
        site.append("on top of it")
    copy = site.copies / commit.name
    assert f"copy {copy} there" in refused.value.remedy
    shutil.copy(copy, commit)
    tables.check_all(site.root)
    site.append("d")
    assert site.keys() == ["a", "b", "c", "d"]


def test_a_whole_commit_whose_writer_was_killed_counts(site: Site) -> None:
    site.append_unacknowledged("d")
    tables.check_all(site.root)
    site.append("e")
    assert site.keys() == ["a", "b", "c", "d", "e"]
    assert site.newest().name in {path.name for path in site.copies.iterdir()}


def test_a_text_with_every_kind_of_line_end_in_it_is_no_damage(site: Site) -> None:
    hostile = "a\u2028b\u2029c\x85d\x0be\x0cf\r\ng\x1ch"
    site.append(hostile)
    tables.check_all(site.root)
    assert site.keys() == sorted(["a", "b", "c", hostile])


def test_an_empty_commit_whose_writer_was_killed_is_refused_until_it_is_moved_away(site: Site) -> None:
    site.append_unacknowledged("lost with the power")
    commit = site.newest()
    commit.write_bytes(b"")
    with pytest.raises(LakeDamaged, match="never acknowledged") as refused:
        site.append("e")
    assert "move it away" in refused.value.remedy
    commit.unlink()
    site.append("e")
    assert site.keys() == ["a", "b", "c", "e"]


def test_a_commit_that_adds_a_cut_off_file_is_refused_while_it_is_not_acknowledged(site: Site) -> None:
    before = {*site.table.rglob("*.parquet")}
    site.append_unacknowledged("d")
    (added,) = {*site.table.rglob("*.parquet")} - before
    added.write_bytes(added.read_bytes()[:-1])
    with pytest.raises(LakeDamaged, match=r"missing or cut off") as refused:
        tables.check_all(site.root)
    assert str(site.newest()) in refused.value.remedy


def test_a_log_that_others_wrote_to_and_cleaned_up_is_sound(site: Site) -> None:
    site.append_unacknowledged("d")
    site.append_unacknowledged("e")
    DeltaTable(site.table).create_checkpoint()
    for commit in {*site.log.glob("*.json")} - {site.newest()}:
        commit.unlink()
    tables.check_all(site.root)
    site.append("f")
    assert site.keys() == ["a", "b", "c", "d", "e", "f"]
    assert site.newest().name in {path.name for path in site.copies.iterdir()}


def test_a_lakehouse_made_before_there_were_copies_goes_on(site: Site) -> None:
    shutil.rmtree(site.copies.parent)
    tables.check_all(site.root)
    site.append("d")
    assert [path.name for path in site.copies.iterdir()] == [site.newest().name]
