"""What must change in a table so that it becomes what it should be: a pure function of two frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.lake.operations import DELETE, INSERT, OPERATION, UPDATE


def difference(
    existing: DataFrame, wanted: DataFrame, key: Sequence[str], compared: Sequence[str], *, delete: bool = False
) -> DataFrame:
    """Return what must change in ``existing`` to make it ``wanted``: rows of ``compared`` and ``_operation``.

    ``I`` marks a row whose ``key`` is not there, ``U`` one that is there with another value in a column of ``compared``
    (null being equal to null), ``D`` with ``delete`` one that is there and not wanted. ``compared`` includes the key.
    """
    left = wanted.select(F.struct(*compared).alias("_w"))
    right = existing.select(F.struct(*compared).alias("_e"))
    same_key = [F.col(f"_w.{name}").eqNullSafe(F.col(f"_e.{name}")) for name in key]
    is_new, is_gone = F.col("_e").isNull(), F.col("_w").isNull()
    operation = (
        F.when(is_gone, DELETE).when(is_new, INSERT).when(differs("_w", "_e", compared), UPDATE).otherwise(F.lit(None))
    )
    return (
        left.join(right, same_key, "full" if delete else "left")
        .withColumn(OPERATION, operation)
        .filter(F.col(OPERATION).isNotNull())
        .withColumn("_row", F.coalesce("_w", "_e"))
        .select("_row.*", OPERATION)
    )


def differs(left: str, right: str, columns: Sequence[str]) -> Column:
    """Return whether two structs differ in any of ``columns``, null being equal to null."""
    unlike = [~F.col(f"{left}.{name}").eqNullSafe(F.col(f"{right}.{name}")) for name in columns]
    return reduce(or_, unlike)
