"""What must change in a table so that it becomes what it should be: a pure function of two frames."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

OPERATION = "_operation"
DELETE = "D"
UPSERT = "U"


def difference(
    existing: DataFrame, wanted: DataFrame, key: Sequence[str], compared: Sequence[str], *, delete: bool = False
) -> DataFrame:
    """Return the rows of ``wanted`` that are not in ``existing`` alike, marked ``U`` in ``_operation``.

    Two rows of one ``key`` are alike where every column of ``compared`` is, null being equal to null. With ``delete``
    the rows of ``existing`` whose key is not wanted come too, marked ``D``. Both frames hold ``compared`` and ``key``.
    """
    left, right = wanted.alias("w"), existing.alias("e")
    same_key = [F.col(f"w.{name}").eqNullSafe(F.col(f"e.{name}")) for name in key]
    changed = left.join(right, [*same_key, *(_alike(name) for name in compared)], "left_anti").withColumn(
        OPERATION, F.lit(UPSERT)
    )
    if not delete:
        return changed
    gone = right.join(left, same_key, "left_anti").withColumn(OPERATION, F.lit(DELETE))
    return changed.unionByName(gone, allowMissingColumns=True)


def _alike(name: str) -> Column:
    return F.col(f"w.{name}").eqNullSafe(F.col(f"e.{name}"))
