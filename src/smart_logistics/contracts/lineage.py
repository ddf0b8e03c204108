"""What each job reads and writes, derived from the declarations: the one who writes a table is named there."""

from __future__ import annotations

from smart_logistics.contracts import bronze, dispositions, gold, ops, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import SOURCE_TABLES

_LAKE = (*bronze.TABLES, *silver.TABLES, *gold.TABLES)
# Of these no job keeps its progress in the commits, by which the others are known.
_FURTHER: dict[str, tuple[Table, ...]] = {
    "bronze_ingest_sql": (bronze.SOURCE_FENCES,),
    "data_quality_check": (ops.DQ_METRICS,),
    "full_audit": (ops.DQ_METRICS,),
}
_PRODUCERS: dict[str, tuple[str, ...]] = {
    "silver_transactional": ("bronze_ingest_sql",),
    "silver_iot": ("bronze_ingest_iot",),
    "gold_aggregate": ("silver_transactional", "silver_iot"),
}
# They tell of what was taken, and are no input of what comes next.
_ABOUT = (bronze.REJECTED_RECORDS, bronze.PROCESSED_FILES_LOG, bronze.SOURCE_FENCES)


def writes(job: str) -> tuple[Table, ...]:
    """Return the tables that a job writes."""
    own = tuple(table for table in _LAKE if any(app.split(".")[0] == job for app in table.apps))
    return (*own, *_FURTHER.get(job, ()))


def reads(job: str) -> tuple[Table, ...]:
    """Return the tables of the lake that a job reads: those of the jobs before it; gate and audit look at all."""
    if job == "full_audit":
        return (*_LAKE, *dispositions.TABLES)
    if job == "data_quality_check":
        return _LAKE
    found = (table for producer in _PRODUCERS.get(job, ()) for table in writes(producer))
    return tuple(table for table in found if table not in _ABOUT)


def source_tables(job: str) -> tuple[str, ...]:
    """Return the bare names of the source database's tables that a job reads."""
    return tuple(table.name for table in SOURCE_TABLES) if job == "bronze_ingest_sql" else ()
