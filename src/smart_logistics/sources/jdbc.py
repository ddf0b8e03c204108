"""Rows of a source table as a DataFrame: read by the executors, each a range of blocks, all under one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from smart_logistics.contracts.source import SCHEMA
from smart_logistics.errors import SourceContractBroken, SourceUnavailable
from smart_logistics.sources.columns import RESCUED, Selected, quoted, rescued
from smart_logistics.sources.postgres import Relation, SnapshotConnection, select

_PLACE = "_ctid"
_PARTITION_BYTES = 128 * 2**20
_MOST_PARTITIONS = 256
_FETCH_BYTES = 16 * 2**20
_FETCH_ROWS = (20, 10_000)
_REFUSALS = ("permission denied", "row-level security")


def block_ranges(relation: Relation, partition_bytes: int = _PARTITION_BYTES) -> list[str]:
    """Return predicates that cut a heap into ranges of blocks, of which every row lies in exactly one.

    A table with partitions is cut as its largest one is: a range then takes these blocks of each.
    """
    count = min(max(1, -(-relation.heap_bytes // partition_bytes)), _MOST_PARTITIONS) if relation.is_plain else 1
    blocks = -(-relation.largest_bytes // relation.block_bytes)
    bounds = [blocks * part // count for part in range(1, count)]
    lower = ["", *(f"{_PLACE} >= '({bound},0)'::tid" for bound in bounds)]
    upper = [*(f"{_PLACE} < '({bound},0)'::tid" for bound in bounds), ""]
    return [" AND ".join(filter(None, pair)) or "true" for pair in zip(lower, upper, strict=True)]


def fetch_size(relation: Relation, rows: int) -> int:
    """Return how many rows to fetch at once, so that wide ones do not fill an executor. 0 would lose the snapshot."""
    average = relation.total_bytes // max(relation.estimated_rows, rows, 1) + 1
    least, most = _FETCH_ROWS
    return min(max(_FETCH_BYTES // average, least), most)


def read(
    spark: SparkSession,
    source: SnapshotConnection,
    relation: Relation,
    selected: Sequence[Selected],
    predicate: str,
    *,
    rows: int,
) -> DataFrame:
    """Return the rows that ``predicate`` takes, in Bronze's types, with ``_rescued_data``."""
    place = "ctid" if relation.is_plain else "NULL::tid"
    columns = ", ".join(
        [
            f"{place} AS {_PLACE}",
            *(f"{c.sql} AS {quoted(c.name)}" for c in selected),
            f"{rescued(selected)} AS {RESCUED}",
        ]
    )
    frame = spark.read.jdbc(
        source.address.jdbc_url,
        f"({select(columns, relation, predicate)}) AS source",
        predicates=block_ranges(relation),
        properties={
            **source.address.jdbc(),
            "fetchsize": str(fetch_size(relation, rows)),
            "sessionInitStatement": source.import_statement(),
        },
    )
    return frame.select(
        *(_typed(column) for column in selected),
        F.col(RESCUED).cast("string").alias(RESCUED),
    )


def _typed(column: Selected) -> Column:
    value = F.col(f"`{column.name}`")
    if column.type == "timestamp":
        return F.timestamp_micros(value).alias(column.name)
    return value.cast(column.type).alias(column.name)


def _with_causes(error: Exception) -> str:
    # A failure to connect has the driver's words in the Java trace only, which Spark's message leaves out.
    return f"{error}\n{getattr(error, '_stackTrace', '')}"


@contextmanager
def reading(address: object) -> Iterator[None]:
    """Name the source where Spark fails because of it. What is not the source's fault passes through."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        causes = [line for line in _with_causes(error).splitlines() if "org.postgresql.util.PSQLException" in line]
        if not causes:
            raise
        why = causes[-1].split("PSQLException:", 1)[-1].strip()[:300]
        if any(refusal in why for refusal in _REFUSALS):
            raise SourceContractBroken(
                f"the source {address} refuses a read: {why}",
                remedy=f"grant SELECT on whole tables of the schema {SCHEMA}, without row level security, to its user",
            ) from None
        raise SourceUnavailable(
            f"reading the source database {address} was cut off: {why}",
            remedy="check the server; the retry continues from where it was",
        ) from None
