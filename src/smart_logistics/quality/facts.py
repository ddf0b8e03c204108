"""All aggregates over what is new in a table, in one pass: a frame of one row (``table``, ``facts`` as JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.rules import WHITE_SPACE
from smart_logistics.quality.actions import rows_of
from smart_logistics.quality.checks import LATE_MINUTES

MISSING = "missing:"
BROKEN = "broken:"
LOW, HIGH = "low:", "high:"
SETS = "set:"


def facts(new: DataFrame, table: Table, bounds: Iterable[str] = ()) -> DataFrame:
    """Return the number of ``new`` rows, missing values, broken constraints, and what ``_OF_TABLE`` asks for.

    Of the columns in ``bounds`` the least and the greatest value come as text, of partitions all values.
    """
    measures = [F.count(F.lit(1)).alias("rows")]
    measures += [_missing(table, c.name).alias(MISSING + c.name) for c in table.columns if not c.nullable]
    measures += [
        F.count_if(~F.coalesce(F.expr(one.expression), F.lit(False))).alias(BROKEN + one.name)
        for one in table.constraints
    ]
    for name in bounds:
        measures += [F.min(name).cast("string").alias(LOW + name), F.max(name).cast("string").alias(HIGH + name)]
    measures += [F.collect_set(F.col(name).cast("string")).alias(SETS + name) for name in table.partitions]
    measures += [measure.alias(name) for name, measure in _OF_TABLE.get(table.full_name, dict)().items()]
    return new.agg(*measures).select(F.lit(table.full_name).alias("table"), F.to_json(F.struct("*")).alias("facts"))


def collected(frames: list[DataFrame], *, at_once: int = 1) -> dict[str, dict[str, Any]]:
    """Return the facts by the table's full name, measured by ``at_once`` Spark actions side by side."""
    return {row["table"]: json.loads(row["facts"]) for row in rows_of(frames, at_once=at_once)}


def missing(found: Mapping[str, Any]) -> dict[str, int]:
    """Return the columns of which values are missing, and how many."""
    return _counts(found, MISSING)


def broken(found: Mapping[str, Any]) -> dict[str, int]:
    """Return the constraints that rows break, and how many rows."""
    return _counts(found, BROKEN)


def _counts(found: Mapping[str, Any], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): n for name, n in found.items() if name.startswith(prefix) and n}


def _missing(table: Table, name: str) -> Column:
    broken = F.col(name).isNull()
    if table.layer == silver.LAYER and table.column(name).type == "string":
        broken = broken | (F.btrim(name, F.lit(WHITE_SPACE)) == "")
    return F.count_if(broken)


def _of_readings() -> dict[str, Column]:
    return {"outliers": F.count_if("is_outlier")}


def _of_shipments() -> dict[str, Column]:
    disagrees = F.col("is_current") & (F.col("_row_status") != F.col("status"))
    return {
        "disagree": F.count_if(disagrees),
        "disagree_example": F.min(F.when(disagrees, F.col("shipment_id"))),
        "former_months": F.array_distinct(F.flatten(F.collect_set("_former_months"))),
    }


def _of_letters() -> dict[str, Column]:
    of_readings = F.col("source_table") == bronze.IOT_TELEMETRY.name
    return {"of_readings": F.count_if(of_readings), "of_rows": F.count_if(~of_readings)}


def _of_log() -> dict[str, Column]:
    written = F.try_to_timestamp(F.regexp_extract("file_name", r"_(\d{8}_\d{6})_", 1), F.lit("yyyyMMdd_HHmmss"))
    minutes = (F.unix_micros("processed_at") - F.unix_micros(written)) / 60e6
    return {
        "records": F.sum(F.when(F.col("status") == "LOADED", F.col("record_count"))),
        "lag": F.max(minutes),
        "late": F.count_if(minutes > LATE_MINUTES),
        "latest_file": F.max_by("file_name", minutes),
    }


_OF_TABLE = {
    silver.IOT_TELEMETRY.full_name: _of_readings,
    silver.SHIPMENT_VERSIONS.full_name: _of_shipments,
    bronze.REJECTED_RECORDS.full_name: _of_letters,
    bronze.PROCESSED_FILES_LOG.full_name: _of_log,
}

# What is new in a table is what this column says.
NEW_BY: dict[str, str] = {
    **{table.full_name: "_ingested_at" for table in bronze.TABLES},
    **{table.full_name: "_changed_at" for table in silver.TABLES},
    bronze.PROCESSED_FILES_LOG.full_name: "processed_at",
    bronze.REJECTED_RECORDS.full_name: "rejected_at",
    **{table.full_name: "updated_at" for table in (gold.SHIPMENT_ANALYTICS, gold.FLEET_DAILY, gold.ROUTE_DAILY)},
}
