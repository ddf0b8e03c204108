"""The import directions hold, and the guard that says so fires when one is broken."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smart_logistics

REPOSITORY = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).parent / "lint-imports"
# Modules that only the other environment can load.
SPARK_ROOMS = ("bronze", "silver", "gold", "quality", "jobs", "lake", "sources")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_directions_hold() -> None:
    result = lint(REPOSITORY)
    assert result.returncode == 0, result.stdout
    assert "4 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("contracts/model.py", "import smart_logistics.jobs.catalog", "knows those below"),
        ("stack/__init__.py", "import pyspark", "never load Spark"),
        ("jobs/catalog.py", "import airflow", "never load Airflow"),
        ("errors.py", "import rich", "standard library"),
    ],
)
def test_the_guard_fires(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    spoiled = tmp_path / "src" / "smart_logistics" / module
    spoiled.write_text(spoiled.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint(tmp_path)
    assert result.returncode == 1
    assert any(broken in text and "BROKEN" in text for text in result.stdout.splitlines()), result.stdout


def test_every_module_that_needs_no_spark_imports() -> None:
    names = [
        found.name
        for found in pkgutil.walk_packages(smart_logistics.__path__, "smart_logistics.")
        if found.name.split(".")[1] not in SPARK_ROOMS and not found.name.endswith("__main__")
    ]
    assert len(names) > 20
    for name in names:
        importlib.import_module(name)
