"""The batches of all source tables together: made, freed and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.jobs.row_batch import RowBatch
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.waiting import Waiting, waiting

B = TypeVar("B", bound=RowBatch)


@contextmanager
def of_all_tables(ctx: Context, kind: type[B]) -> Iterator[dict[str, B]]:
    """Yield a batch of this kind for each source table, by its name and under one stamp; free what they kept."""
    stamp, letters = ctx.lake.new_stamp(), waiting(ctx.lake.root)
    batches = {
        source.name: kind(ctx.lake, source, stamp, ctx.run_id, letters.get(source.name, Waiting()))
        for source in SOURCE_TABLES
    }
    try:
        yield batches
    finally:
        for batch in batches.values():
            batch.forget()


def changed(batches: Iterable[RowBatch]) -> dict[str, int]:
    """Return the rows changed of each table that changed."""
    return {batch.source.name: batch.changed for batch in batches if batch.changed}


def rejected(batches: Iterable[RowBatch]) -> int:
    """Return how many versions were rejected."""
    return sum(batch.rejected for batch in batches)
