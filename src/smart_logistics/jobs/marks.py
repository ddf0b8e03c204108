"""The lines by which a driver tells whoever submitted it what it did: a mark, a space and one JSON object.

Standard library only: jobs write them, Airflow reads them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

# What the job counted when it ended well; why it did not; what it has just committed, ``{"table": …, "rows": …}``.
RESULT, ERROR, PROGRESS = "LOGISTICS_RESULT", "LOGISTICS_ERROR", "LOGISTICS_PROGRESS"


def say(mark: str, value: Mapping[str, object]) -> None:
    """Write one line. Several threads may: it is written whole."""
    sys.stdout.write(f"{mark} {json.dumps(value)}\n")
    sys.stdout.flush()
