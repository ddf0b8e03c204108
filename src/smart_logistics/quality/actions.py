"""How frames of a row each are collected: together, because each Spark action costs its planning, however few the rows.

A driver plans one action on one processor. So where planning is what there is to do, two go side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

from pyspark.sql import DataFrame, Row


def rows_of(frames: Sequence[DataFrame], *, at_once: int = 1) -> list[Row]:
    """Return the rows of all frames, which have the same columns, by ``at_once`` Spark actions side by side."""
    parts = [part for part in (frames[n::at_once] for n in range(at_once)) if part]
    with ThreadPoolExecutor(at_once) as pool:
        found = pool.map(lambda part: reduce(DataFrame.unionByName, part).collect(), parts)
        return [row for rows in found for row in rows]
