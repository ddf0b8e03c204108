"""What the tree promises about itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from smart_logistics import contracts
from smart_logistics.cli.generated_docs import PAGES
from tests.e2e.contract_tables import COLUMNS

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_LINES = 300
MOST_DAG_LINES = 120


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.splitlines() if (path := REPOSITORY / name).is_file()]


def test_no_file_is_too_long_to_read() -> None:
    sources = tracked("*.py")
    assert len(sources) > 50
    long = {path.name: n for path in sources if (n := len(path.read_text("utf-8").splitlines())) > MOST_LINES}
    assert long == {}


def test_the_dag_file_is_a_picture() -> None:
    dags = tracked("dags/*.py")
    assert dags
    assert all(len(path.read_text("utf-8").splitlines()) <= MOST_DAG_LINES for path in dags)


def test_no_dependency_file_names_a_registry() -> None:
    locks = tracked("requirements/*", "Makefile", "pyproject.toml", ".ci/*")
    assert len(locks) > 8
    assert [path.name for path in locks if re.search(r"https?://", path.read_text("utf-8"))] == []


def test_every_requirement_is_pinned_and_hashed() -> None:
    for lock in tracked("requirements/*.txt"):
        wanted = [line for line in lock.read_text("utf-8").splitlines() if re.match(r"[a-z0-9]", line)]
        assert wanted, lock
        assert all("==" in line and line.endswith("\\") for line in wanted), lock


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_declarations_say(name: str) -> None:
    assert (REPOSITORY / "docs" / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_every_table_of_the_contract_is_declared() -> None:
    for name, columns in COLUMNS.items():
        declared = contracts.BY_FULL_NAME[name]
        assert not set(columns.split()) - set(declared.column_names), name
    assert len(contracts.ALL_TABLES) == len(contracts.BY_FULL_NAME)
    for table in contracts.ALL_TABLES:
        assert table.grain
        assert table.key
