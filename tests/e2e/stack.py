"""A stack of its own for the tests: the real console script in a real home, and what one can ask of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from deltalake import DeltaTable

REPOSITORY = Path(__file__).resolve().parents[2]
CONSOLE = Path(sys.executable).parent / "logistics"

Row = dict[str, Any]


@dataclass
class Stack:
    """A home and the settings that every command gets there."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a new user's shell has, and our settings; nothing that configures the product from outside."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("LOGISTICS_", "AIRFLOW", "SPARK_", "PYSPARK_"))
        }
        return kept | {"LOGISTICS_HOME": str(self.home)} | {f"LOGISTICS_{k}": v for k, v in self.settings.items()}

    def call(self, *words: str, timeout: float = 1200, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `logistics WORDS` to its end."""
        extra = {f"LOGISTICS_{name}": value for name, value in settings.items()}
        return subprocess.run(
            [CONSOLE, *words],
            cwd=self.home.parent,
            env=self.environment | extra,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def must(self, *words: str, timeout: float = 1200, **settings: str) -> str:
        """Run `logistics WORDS`, which must succeed, and return its standard output."""
        result = self.call(*words, timeout=timeout, **settings)
        assert result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result.stdout

    def run(self, seconds: int = 1100) -> dict[str, Any]:
        """Run the pipeline, which must succeed within so many seconds, and return what `--json` prints."""
        printed: dict[str, Any] = json.loads(
            self.must("run", "--json", "--timeout", str(seconds), timeout=seconds + 100)
        )
        assert printed["state"] == "success"
        return printed

    def rows(self, table: str) -> list[Row]:
        """Return every row of ``layer.name``."""
        layer, name = table.split(".")
        found: list[Row] = DeltaTable(str(self.home / "lakehouse" / layer / name)).to_pyarrow_table().to_pylist()
        return found

    def query(self, sql: str) -> list[Row]:
        """Return what `logistics query` answers."""
        answer: list[Row] = json.loads(self.must("query", sql, "--format", "json"))
        return answer

    def manifest(self) -> dict[str, Any]:
        """Return what the seed planted."""
        planted: dict[str, Any] = json.loads((self.home / "seed-manifest.json").read_text(encoding="utf-8"))
        return planted


def states(run: dict[str, Any]) -> dict[str, str]:
    """Return each task's state."""
    return {task["task_id"]: task["state"] for task in run["tasks"]}


def content(rows: list[Row], key: str) -> dict[Any, tuple[Any, ...]]:
    """Return rows by key, comparable."""
    return {row[key]: tuple(str(row[name]) for name in sorted(row)) for row in rows}


def processes(stack: Stack) -> list[psutil.Process]:
    """Return every live process that has to do with the home: by its arguments, its folder or its environment."""
    mine = str(stack.home)
    found = []
    for process in psutil.process_iter():
        try:
            traces = [*process.cmdline(), process.cwd(), process.environ().get("LOGISTICS_HOME", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(mine in trace for trace in traces):
            found.append(process)
    return found
