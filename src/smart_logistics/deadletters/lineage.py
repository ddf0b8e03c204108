"""What ties a correction to its letter, so that it is taken once and its letter closed. Standard library only.

A corrected telemetry record is a file whose name holds the letter's id; a corrected row is a version in Bronze whose
run id does. Either is a function of the letter alone: whatever is sent a second time is found to be there.
"""

from __future__ import annotations

import re
from datetime import datetime

FILE_MARK = "_reprocessed-"
FILE_PATTERN = rf"^iot_telemetry_[0-9]{{8}}_[0-9]{{6}}{FILE_MARK}([0-9a-f]{{64}})\.json$"
RUN_PREFIX = "reprocessed__"
# Joins the corrected record: without it, one that is sent again unchanged could be the very bytes of a taken file.
FIELD = "_reprocessed_record_id"


def file_name(record_id: str, now: datetime) -> str:
    """Return a name for the file of a corrected record; ``now`` is UTC."""
    return f"iot_telemetry_{now:%Y%m%d_%H%M%S}{FILE_MARK}{record_id}.json"


def letter_of_file(name: str) -> str | None:
    """Return the id of the letter that a file of this name corrects; None for all other files."""
    match = re.fullmatch(FILE_PATTERN, name)
    return None if match is None else match[1]


def run_id(record_id: str) -> str:
    """Return the run id of the row version that corrects a letter."""
    return RUN_PREFIX + record_id
