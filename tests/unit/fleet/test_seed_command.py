"""`logistics seed` as a user sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.postgres import free_port

CONSOLE_SCRIPT = Path(sys.executable).parent / "logistics"


def logistics(home: Path, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "LOGISTICS_HOME": str(home), "LOGISTICS_SOURCE_DSN": dsn}
    return subprocess.run(
        [CONSOLE_SCRIPT, *arguments],
        env=environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_says_what_it_wrote_and_keeps_the_manifest_in_the_home(source: str, tmp_path: Path) -> None:
    home = tmp_path / "a home"
    done = logistics(home, source, "seed", "--seed", "7", "--days", "3")
    assert done.returncode == 0, done.stderr
    assert "--seed 7 --scale 1 --days 3" in done.stdout
    manifest = json.loads((home / "seed-manifest.json").read_text())
    assert (manifest["seed"], manifest["wave"]) == (7, 1)
    assert len(list((home / "landing").iterdir())) == sum(manifest["files"].values())

    again = logistics(home, source, "seed")
    assert again.returncode == 0
    assert "Nothing to do" in again.stdout

    more = logistics(home, source, "seed", "--wave", "2")
    assert "wave 2 written" in more.stdout
    assert json.loads((home / "seed-manifest.json").read_text())["wave"] == 2


def test_an_unreachable_source_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    failed = logistics(tmp_path / "home", f"postgresql://u:secret@127.0.0.1:{free_port()}/x", "seed")
    assert failed.returncode == 20
    assert failed.stdout == ""
    (line,) = failed.stderr.strip().splitlines()
    assert "does not answer" in line
    assert "secret" not in line
    assert not (tmp_path / "home").exists()
