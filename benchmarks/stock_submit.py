"""What P1 is measured against: a script as Delta's own introduction has it, submitted with ``--packages``, untuned."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

ROWS = 100


def main(place: str) -> None:
    """Write a small Delta table to ``place`` and read it."""
    spark = SparkSession.builder.appName("stock").getOrCreate()
    spark.range(ROWS).selectExpr("id", "id % 7 AS day").write.format("delta").mode("overwrite").save(place)
    found = spark.read.format("delta").load(place).count()
    spark.stop()
    if found != ROWS:
        sys.exit(f"{found} rows instead of {ROWS}")


if __name__ == "__main__":
    main(sys.argv[1])
