"""Few rows are read into this process, without Spark's readers.

Opening a Delta table in Spark costs several jobs and their compilation, whatever it holds; a run opens twenty. Where a
filter leaves few rows, they are read here and handed to Spark as they are, which leaves it nothing to plan either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_, or_
from typing import Any

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Table
from smart_logistics.lake.conditions import Where, expression
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.tables import is_local, open_table

MOST_ROWS = 50_000

_COMPARE: dict[str, Callable[[Column, Any], Column]] = {
    "=": lambda column, value: column == value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    "in": lambda column, values: column.isin(list(values)),
    "null": lambda column, _: column.isNull(),
}


def read(lakehouse: str, table: Table, where: Where) -> pa.Table | None:
    """Return the rows ``where`` leaves, None where they are many, the table is not there or not on local storage."""
    found = open_table(lakehouse, table) if is_local(lakehouse) else None
    return None if found is None else few(scan(lakehouse, table, found, where), where, MOST_ROWS)


def few(dataset: Any, where: Where, most: int) -> pa.Table | None:
    """Return the rows of a dataset that ``where`` leaves, None where they are more than ``most``."""
    rows = dataset.head(most + 1, filter=expression(where))
    return None if len(rows) > most else rows


def as_column(where: Where) -> Column:
    """Return ``where`` as a predicate of Spark's, in literals."""
    return reduce(
        or_, [reduce(and_, [_COMPARE[how](F.col(name), value) for name, how, value in all_of]) for all_of in where]
    )
