"""Bronze: as received, every version kept, plus where it came from."""

from __future__ import annotations

from smart_logistics.contracts.model import Column, Table, in_order, one_of, required
from smart_logistics.contracts.rules import Reason, Reprocessing
from smart_logistics.contracts.source import SOURCE_TABLES, SourceTable

LAYER = "bronze"

LINEAGE = (
    required("_ingested_at", "timestamp", "Batch stamp of the extraction, growing from batch to batch."),
    Column("_run_id", "string", "The run that took it."),
)


def _extracted(source: SourceTable) -> Table:
    return Table(
        LAYER,
        source.name,
        f"one row for each extracted version of a row of {source.name}",
        (
            *source.columns,
            Column(
                "_rescued_data",
                "string",
                "JSON of source values that their type cannot hold here (NaN, infinity), by column; else null.",
            ),
            *LINEAGE,
            required("_ingestion_date", "date", "UTC day of _ingested_at."),
        ),
        key=(source.key, "_ingested_at"),
        partitions=("_ingestion_date",),
        clustered_by=(source.key,),
        apps=("bronze_ingest_sql",),
    )


EXTRACTED: dict[str, Table] = {source.name: _extracted(source) for source in SOURCE_TABLES}

SOURCE_DELETES = Table(
    LAYER,
    "source_deletes",
    "one row for each key that was found gone from the source",
    (
        required("source_table", "string", "Bare name of the source table."),
        required("source_key", "string", "The key as text."),
        *LINEAGE,
        required("_ingestion_date", "date", "UTC day of _ingested_at."),
    ),
    key=("source_table", "source_key", "_ingested_at"),
    partitions=("_ingestion_date",),
    apps=("bronze_ingest_sql",),
)

SOURCE_FENCES = Table(
    LAYER,
    "source_fences",
    "one row for each source table: how far its extraction has come, written after what it describes",
    (
        required("source_table", "string", "Bare name of the source table."),
        required(
            "system_identifier", "string", "The server whose transaction numbers these are, and its database's OID."
        ),
        required("timeline", "string", "Its timeline: another one after a restore or failover."),
        required("lsn", "bigint", "Position in its write-ahead log."),
        required("xmin", "bigint", "Oldest transaction that was running: the next extraction starts here."),
        required("xmax", "bigint", "First transaction that had not begun."),
        required("relation", "bigint", "OID of the table."),
        required("columns", "string", "Fingerprint of its columns and partitions."),
        required("bronze_id", "string", "Delta's id of the Bronze table that holds what was taken."),
        required("bronze_stamp", "bigint", "Batch stamp up to which it does."),
        Column("keys_compared_at", "timestamp", "Batch stamp of the last comparison of keys; null before the first."),
        *LINEAGE,
    ),
    key=("source_table",),
)

IOT_TELEMETRY = Table(
    LAYER,
    "iot_telemetry",
    "one row for each record of a file that is a JSON object",
    (
        Column("truck_id", "string", "As sent; null where missing, blank or of the wrong type."),
        Column("timestamp", "string", "As sent; null where missing, blank or of the wrong type."),
        Column("event_ts", "timestamp", "timestamp read as UTC, cut to microseconds; null where unreadable."),
        Column("temperature", "double", "°C; null where missing, blank or of the wrong type."),
        Column("latitude", "double", "Degrees north."),
        Column("longitude", "double", "Degrees east."),
        Column("schema_error", "string", "Which value has the wrong type or cannot be read; null where none."),
        required("source_file", "string", "Name of the file, without folders."),
        required(
            "position", "bigint", "Place of the record in its file, from 1, damaged records counted, blank lines not."
        ),
        required("raw_payload", "string", "The record's text, all fields."),
        *LINEAGE,
        Column("reading_date", "date", "UTC day of event_ts; null where that is."),
    ),
    key=("source_file", "position", "_ingested_at"),
    partitions=("reading_date",),
    clustered_by=("_ingested_at",),
    apps=("bronze_ingest_iot",),
)

PROCESSED_FILES_LOG = Table(
    LAYER,
    "processed_files_log",
    "one row for each file taken from the landing folder",
    (
        required("file_name", "string", "Without folders."),
        Column("file_path", "string", "Where the file lies now: archive or failed."),
        Column("file_size_bytes", "bigint", "As it lay in the landing folder, compressed or not."),
        Column("record_count", "bigint", "Records found, damaged ones included."),
        Column("rejected_count", "bigint", "Records of these that Bronze rejected."),
        required(
            "checksum_md5",
            "string",
            "MD5 of the file's bytes, by which duplicates are found; empty where they cannot be read.",
        ),
        required("processed_at", "timestamp", "Batch stamp of the ingestion."),
        Column("run_id", "string", "The run that took it."),
        required("status", "string", "LOADED, DUPLICATE or FAILED."),
        Column("error", "string", "Why it is FAILED, or of what it is the DUPLICATE."),
    ),
    key=("file_name", "checksum_md5", "processed_at"),
    clustered_by=("checksum_md5",),
    apps=("bronze_ingest_iot",),
    constraints=(one_of("status", ("LOADED", "DUPLICATE", "FAILED")), in_order("rejected_count", "record_count")),
)

REJECTED_RECORDS = Table(
    LAYER,
    "rejected_records",
    "one row for each record or row version that could not be taken: the dead letter",
    (
        required("record_id", "string", "SHA-256 of what was rejected and where, so that a replay gives the same."),
        required("source_table", "string", "Bare name of the table it was meant for."),
        Column("source_file", "string", "File of a telemetry record; null for a row."),
        required("source_key", "string", "The row's key as text, or <file name>:<position>."),
        required("rejection_reason", "string", "The first of the contract's reasons that applies."),
        Column("rejection_detail", "string", "Which field or rule, with the value seen."),
        Column("raw_payload", "string", "The record's text, or the row as JSON."),
        required("layer", "string", "bronze or silver: where it was rejected."),
        required("rejected_at", "timestamp", "When it was rejected."),
        Column("run_id", "string", "The run that rejected it."),
        required("reprocessing_status", "string", "PENDING, REVIEWED, REPROCESSED or DISCARDED."),
        Column("_ingested_at", "timestamp", "Batch stamp of the rejected version."),
        required("rejection_date", "date", "UTC day of rejected_at."),
    ),
    key=("record_id",),
    partitions=("rejection_date",),
    clustered_by=("source_table",),
    apps=("bronze_ingest_iot", "silver_iot", *(f"silver_transactional.{name}" for name in EXTRACTED)),
    constraints=(
        one_of("rejection_reason", (reason.name for reason in Reason)),
        one_of("reprocessing_status", (status.value for status in Reprocessing)),
        one_of("layer", ("bronze", "silver")),
    ),
)

TABLES: tuple[Table, ...] = (
    *EXTRACTED.values(),
    SOURCE_DELETES,
    SOURCE_FENCES,
    IOT_TELEMETRY,
    PROCESSED_FILES_LOG,
    REJECTED_RECORDS,
)
