"""Small JSON files of this user's own, between one process of Airflow and the next."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


def name_of(text: str) -> str:
    """Return the name of a file for any text: an incident or a run may hold what no file system takes."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write(path: Path, content: object) -> None:
    """Write a file that is there whole or not at all, whoever else writes it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(content), encoding="utf-8")
    new.rename(path)
