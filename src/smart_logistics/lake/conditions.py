"""Conditions on rows, as data: said once, and put to a table's log, to Arrow and to Spark in the words of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

Condition = tuple[str, str, Any]
"""Column, one of ``= > >= < <= in null``, and a value (for ``in`` several, for ``null`` none)."""
Where = Sequence[Sequence[Condition]]
"""Any of these, each of which is all of its conditions; nothing leaves every row."""

ALL: Where = ()


def expression(where: Where) -> pc.Expression | None:
    """Return ``where`` for Arrow; None where it leaves every row."""
    if not any(where):
        return None
    return reduce(or_, [reduce(and_, [_one(condition) for condition in all_of]) for all_of in where])


def leaves_nothing(where: Where) -> bool:
    """Return whether no row at all can fulfil ``where``."""
    return any(where) and all(any(how == "in" and not values for _, how, values in all_of) for all_of in where)


def pruning(where: Where) -> list[list[Condition]] | None:
    """Return what delta-rs can tell of files by their statistics and partitions; None where that is nothing.

    It is less than ``where`` and never more: delta-rs would take an empty text for null.
    """
    told = [[condition for condition in all_of if _is_told(condition)] for all_of in where]
    return told if told and all(told) else None


def _one(condition: Condition) -> pc.Expression:
    name, how, value = condition
    if how == "null":
        return pc.field(name).is_null()
    if how == "in" and not value:
        return pc.scalar(False)
    return pq.filters_to_expression([[condition]])


def _is_told(condition: Condition) -> bool:
    _, how, value = condition
    values = value if how == "in" else [value]
    return how != "null" and len(values) > 0 and not any(one is None or one == "" for one in values)
