"""Few rows are read into this process, without Spark's readers.

Opening a Delta table in Spark costs several jobs and their compilation, whatever it holds; a run opens twenty. Where a
filter leaves few rows, they are read here and handed to Spark as they are, which leaves it nothing to plan either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import Column
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Table
from smart_logistics.lake.tables import before_rounding, is_local, open_table

MOST_ROWS = 50_000
Condition = tuple[str, str, Any]
"""Column, one of ``= > >= < <= in null``, and a value (for ``in`` several, for ``null`` none)."""
Where = Sequence[Sequence[Condition]]
"""Any of these, each of which is all of its conditions."""

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
    return None if found is None else few(found.to_pyarrow_dataset(), where, MOST_ROWS)


def few(dataset: Any, where: Where, most: int) -> pa.Table | None:
    """Return the rows of a dataset that ``where`` leaves, None where they are more than ``most``."""
    if not any(where):
        rows = dataset.head(most + 1)
    else:
        near = [[_relaxed(condition) for condition in all_of] for all_of in where]
        rows = dataset.head(most + 1, filter=_expression(near))
    if len(rows) > most:
        return None
    return rows.filter(_expression(where)) if any(where) else rows


def _expression(where: Where) -> pc.Expression:
    return reduce(or_, [reduce(and_, [_one(condition) for condition in all_of]) for all_of in where])


def _one(condition: Condition) -> pc.Expression:
    name, how, value = condition
    if how == "null":
        return pc.field(name).is_null()
    if how == "in" and not value:
        return pc.scalar(False)
    return pq.filters_to_expression([[condition]])


def as_column(where: Where) -> Column:
    """Return ``where`` as a predicate of Spark's, in literals."""
    return reduce(
        or_, [reduce(and_, [_COMPARE[how](F.col(name), value) for name, how, value in all_of]) for all_of in where]
    )


def _relaxed(condition: Condition) -> Condition:
    name, how, value = condition
    if isinstance(value, datetime) and how in (">", ">="):
        return name, how, before_rounding(value)
    return condition
