"""Days of a fleet that were worked through before: for the product's lakehouse, and for the naive pipeline's tables.

DuckDB computes each day (``duckdb_day``, whose rows are the jobs' rows); they are appended to both with what each
needs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Transaction, write_deltalake

from benchmarks import duckdb_day, fleet_day, rounds
from benchmarks.history_lake import HOLD_MINUTES
from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake import scanning, tables
from smart_logistics.lake.tables import instant

# Each table that a day is appended to, whose progress it is, and how far behind the day's stamp.
_WRITTEN: tuple[tuple[Table, str, int], ...] = (
    (bronze.IOT_TELEMETRY, "bronze_ingest_iot", 0),
    (bronze.REJECTED_RECORDS, "silver_iot", 1),
    (silver.IOT_TELEMETRY, "silver_iot", 1),
    (gold.TEMPERATURE_EXCURSIONS, "gold_aggregate", 2),
    (gold.SHIPMENT_ANALYTICS, "gold_aggregate", 2),
)
_NAIVE = (silver.IOT_TELEMETRY, gold.TEMPERATURE_EXCURSIONS, gold.SHIPMENT_ANALYTICS)


def stamp_of(start: datetime) -> int:
    """Return the stamp of the batch that brought a day: an hour after its end."""
    return int((start + timedelta(hours=25)).timestamp()) * 1_000_000


def fill(folder: Path, trucks: int, days: list[datetime]) -> None:
    """Fill ``folder``: ``ours`` (lakehouse), ``naive`` (its tables) and ``files`` (a folder for each day)."""
    ours, naive = folder / "ours", folder / "naive"
    for number, start in enumerate(days):
        fleet_day.land(folder / "files" / f"{start:%Y-%m-%d}", trucks, start)
        fleet_day.carry(folder / "carried-day", trucks, {start: stamp_of(start)})
        duckdb_day.refresh(folder / "files" / f"{start:%Y-%m-%d}", folder / "carried-day", folder / "day")
        for table, app, later in _WRITTEN:
            _append(ours, table, folder / "day", app, stamp_of(start) + later)
        _log(ours, folder / "files" / f"{start:%Y-%m-%d}", stamp_of(start))
        for table in _NAIVE:
            rows = scanning.dataset(str(folder / "day"), table)
            partitions = list(table.partitions)
            write_deltalake(tables.uri(str(naive), table), _reader(rows), partition_by=partitions, mode="append")
        shutil.rmtree(folder / "carried-day")
        shutil.rmtree(folder / "day")
        rounds.say(f"day {number + 1} of {len(days)} filled")
    fleet_day.carry(ours, trucks, {start: stamp_of(start) + 1 for start in days})
    _figures_made(ours, stamp_of(days[-1]) + 2)
    with tables.writing(str(ours), gold.SHIPMENT_ANALYTICS):
        # Without it the next run would judge all shipments again.
        tables.set_property(str(ours), gold.SHIPMENT_ANALYTICS, gold.HOLD_PROPERTY, str(HOLD_MINUTES))


def _figures_made(ours: Path, stamp: int) -> None:
    """Say that the figures by day were made up to ``stamp``; their rows of the days before nobody asks for.

    Without it the next run would judge the shipments of the whole month: Gold is as far as the last of its tables.
    """
    written = [table for table, _, _ in _WRITTEN]
    for table in gold.TABLES:
        if table not in written:
            with tables.writing(str(ours), table):
                tables.advance(str(ours), table, app="gold_aggregate", stamp=stamp)


def copied(source: Path, target: Path) -> None:
    """Copy tables; files of data, which nobody changes, are linked."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link_data)


def _link_data(source: str, target: str) -> None:
    if source.endswith(".parquet") and "_delta_log" not in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _reader(rows: Any) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches())


def _append(root: Path, table: Table, day: Path, app: str, stamp: int) -> None:
    rows, schema = scanning.dataset(str(day), table), tables.arrow_schema(table)
    at = instant(stamp)
    constants = {
        "_ingested_at": instant(stamp) - timedelta(microseconds=1 if table.layer != "bronze" else 0),
        "_changed_at": at,
        "updated_at": at,
        "rejected_at": at,
        "rejection_date": at.date(),
        "_run_id": "before",
        "run_id": "before",
        "source_table": "iot_telemetry",
        "layer": "silver",
        "reprocessing_status": "PENDING",
    }
    batches = _completed(rows.to_batches(), schema, constants)
    with tables.writing(str(root), table):
        tables.ensure(str(root), table, locked=True)
        write_deltalake(
            tables.uri(str(root), table),
            pa.RecordBatchReader.from_batches(schema, batches),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction(app, stamp)]),
        )


def _completed(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, constants: Mapping[str, Any]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows with all columns of a table: the constants, else their own, else null."""
    for batch in batches:
        columns = []
        for field in schema:
            if field.name in constants:
                columns.append(pa.repeat(pa.scalar(constants[field.name], field.type), batch.num_rows))
            elif field.name in batch.schema.names:
                columns.append(batch.column(field.name).cast(field.type))
            elif field.name == "record_id":
                columns.append(batch.column("source_key").cast(field.type))
            else:
                columns.append(pa.nulls(batch.num_rows, field.type))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _log(root: Path, files: Path, stamp: int) -> None:
    rows = [
        {
            "file_name": file.name,
            "file_size_bytes": file.stat().st_size,
            "record_count": 0,
            "rejected_count": 0,
            "checksum_md5": md5(file.name.encode(), usedforsecurity=False).hexdigest(),
            "processed_at": instant(stamp),
            "status": "LOADED",
        }
        for file in sorted(files.iterdir())
    ]
    with tables.writing(str(root), bronze.PROCESSED_FILES_LOG):
        tables.append_rows(str(root), bronze.PROCESSED_FILES_LOG, rows, app="bronze_ingest_iot", stamp=stamp)
