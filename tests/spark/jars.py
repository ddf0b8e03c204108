"""Where the jars are that the tests' drivers run with."""

from __future__ import annotations

import os
from pathlib import Path

from smart_logistics import settings


def installed() -> Path:
    """Return the folder of the jars that ``make install`` resolved."""
    jars = Path(os.environ.get("LOGISTICS_TEST_JARS") or settings.load().home / "jars")
    assert list(jars.glob("*delta-spark*.jar")), f"no jars in {jars}: run `make install` first"
    return jars
