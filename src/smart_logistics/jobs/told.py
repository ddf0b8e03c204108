"""The lake of a job that says, after each commit, what it wrote: how far a try came is known whatever ends it."""

from __future__ import annotations

from typing import Any

from smart_logistics.contracts.model import Table
from smart_logistics.jobs import marks
from smart_logistics.lake.store import Lake


class ToldLake(Lake):
    """Counts nothing itself: each write of the lake returns how many rows it was."""

    def append(self, table: Table, *args: Any, **kwargs: Any) -> int:
        """Append and say so; see ``Lake.append``."""
        return _said(table, super().append(table, *args, **kwargs))

    def merge(self, table: Table, *args: Any, **kwargs: Any) -> int:
        """Merge and say so; see ``Lake.merge``."""
        return _said(table, super().merge(table, *args, **kwargs))

    def update(self, table: Table, *args: Any, **kwargs: Any) -> int:
        """Update and say so; see ``Lake.update``."""
        return _said(table, super().update(table, *args, **kwargs))


def _said(table: Table, rows: int) -> int:
    if rows:
        marks.say(marks.PROGRESS, {"table": table.full_name, "rows": rows})
    return rows
