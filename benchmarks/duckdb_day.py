"""The peer of P3: landing → Gold by DuckDB and delta-rs, with the same rules and the same results, in one process.

``python -m benchmarks.duckdb_day LANDING DIMENSIONS OUT`` reads the telemetry files, and the Silver tables of what is
carried, and writes the tables that the jobs write: Bronze with the raw text, rejections with their reasons, Silver with
its outliers, Gold with analytics and excursions. Written as one who knows DuckDB would: in bulk, in memory, with its
own JSON functions. Of the product's promises it keeps the results and no other: no second batch, no crash in between.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import write_deltalake

from benchmarks.duckdb_gold import ANALYTICS, EXCURSIONS, GOLD_STEPS
from smart_logistics.contracts import silver
from smart_logistics.lake import scanning

DIMENSIONS = (
    silver.ORDERS,
    silver.SHIPMENT_VERSIONS,
    silver.SHIPMENT_TYPES,
    silver.TRUCK_ASSIGNMENTS,
    silver.VEHICLES,
    silver.WAREHOUSES,
)
_PATHS = "['$.truck_id', '$.timestamp', '$.temperature', '$.latitude', '$.longitude']"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6}\d*)?(Z|[+-]\d\d:\d\d)?"
_LINES = """
CREATE TEMP TABLE lines AS SELECT parse_filename(filename) AS source_file, row_number() OVER () AS n, line
FROM read_csv('{landing}/*.json', columns = {{'line': 'VARCHAR'}}, header = false, auto_detect = false, delim = '\x1f',
    quote = '', escape = '', filename = true)
"""
_RECORDS = f"""
CREATE TEMP TABLE records AS
WITH firsts AS (SELECT source_file, min(n) AS first FROM lines GROUP BY ALL),
looked AS (
    SELECT source_file, n - first + 1 AS position, line,
        CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS is_object
    FROM lines JOIN firsts USING (source_file)
),
parsed AS (
    SELECT *, CASE WHEN is_object THEN json_type(line, {_PATHS}) END AS kinds,
        CASE WHEN is_object THEN json_extract_string(line, {_PATHS}) END AS texts
    FROM looked
),
typed AS (
    SELECT source_file, position, line, is_object,
        CASE WHEN kinds[1] = 'VARCHAR' THEN nullif(trim(texts[1]), '') END AS truck,
        CASE WHEN kinds[2] = 'VARCHAR' THEN nullif(trim(texts[2]), '') END AS "timestamp",
        CASE WHEN kinds[3] IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN texts[3]::DOUBLE END AS temperature,
        CASE WHEN kinds[4] IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN texts[4]::DOUBLE END AS latitude,
        CASE WHEN kinds[5] IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN texts[5]::DOUBLE END AS longitude,
        coalesce(kinds[1] NOT IN ('VARCHAR', 'NULL') OR kinds[2] NOT IN ('VARCHAR', 'NULL')
            OR kinds[3] NOT IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'NULL')
            OR kinds[4] NOT IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'NULL')
            OR kinds[5] NOT IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'NULL'), false) AS is_wrong
    FROM parsed
),
timed AS (
    SELECT *, CASE WHEN regexp_full_match("timestamp", '{_INSTANT}') THEN
        try_cast("timestamp" AS TIMESTAMP) END AS event_ts
    FROM typed
)
SELECT source_file, position, line AS raw_payload, is_object, truck, upper(truck) AS truck_id, "timestamp", event_ts,
    temperature, latitude, longitude, event_ts::DATE AS reading_date,
    CASE
        WHEN NOT is_object THEN 'MALFORMED_JSON'
        WHEN is_wrong OR ("timestamp" IS NOT NULL AND event_ts IS NULL) THEN 'SCHEMA_VALIDATION_FAILED'
        WHEN truck IS NULL OR "timestamp" IS NULL OR temperature IS NULL THEN 'NULL_CRITICAL_FIELD'
        WHEN event_ts < TIMESTAMP '2000-01-01 00:00:00' OR event_ts > now()::TIMESTAMP + INTERVAL 10 MINUTES
            THEN 'BUSINESS_RULE_VIOLATION'
    END AS reason
FROM timed
"""
_RANKED = """
CREATE TEMP TABLE ranked AS
SELECT source_file, position, truck_id, event_ts, temperature, latitude, longitude, reading_date,
    row_number() OVER (PARTITION BY truck_id, event_ts ORDER BY source_file, position) AS place,
    CASE WHEN temperature NOT BETWEEN -40 AND 60 THEN 'TEMPERATURE_RANGE'
        WHEN abs(latitude) > 90 OR abs(longitude) > 180 THEN 'GPS_RANGE' END AS fixed
FROM records WHERE reason IS NULL
"""
_KM = """2 * 6371.0088 * asin(least(1.0, sqrt(
    sin(radians({o}.latitude - latitude) / 2) ** 2 + cos(radians(latitude)) * cos(radians({o}.latitude))
    * sin(radians({o}.longitude - longitude) / 2) ** 2)))"""
_FAST = """CASE WHEN abs(epoch_us(event_ts) - epoch_us({o}.event_ts)) <= 21600000000 THEN
    {km} > 150.0 * abs(epoch_us(event_ts) - epoch_us({o}.event_ts)) / 3600000000.0 END"""
_SILVER = f"""
CREATE TEMP TABLE readings AS
WITH placed AS (
    SELECT *, latitude IS NOT NULL AND longitude IS NOT NULL AND fixed IS NULL AS moves FROM ranked WHERE place = 1
),
beside AS (
    SELECT *, lag(struct_pack(event_ts, latitude, longitude)) OVER in_time AS before,
        lead(struct_pack(event_ts, latitude, longitude)) OVER in_time AS after
    FROM placed WINDOW in_time AS (PARTITION BY truck_id, moves ORDER BY event_ts)
),
fast AS (
    SELECT *, {_FAST.format(o="before", km=_KM.format(o="before"))} AS to_before,
        {_FAST.format(o="after", km=_KM.format(o="after"))} AS to_after
    FROM beside
),
judged AS (
    SELECT *, CASE WHEN fixed IS NOT NULL THEN fixed
        WHEN moves AND coalesce(to_before, to_after) IS NOT NULL AND coalesce(to_before, true)
            AND coalesce(to_after, true) THEN 'SPEED' END AS outlier_reason
    FROM fast
)
SELECT truck_id, event_ts, temperature, latitude, longitude, outlier_reason IS NOT NULL AS is_outlier, outlier_reason,
    source_file, reading_date
FROM judged
"""
_BRONZE = """
SELECT truck AS truck_id, "timestamp", event_ts, temperature, latitude, longitude, source_file, position, raw_payload,
    now()::TIMESTAMP AS _ingested_at, reading_date
FROM records WHERE is_object
"""
_REJECTED = """
SELECT source_file || ':' || position AS source_key, source_file, reason AS rejection_reason, raw_payload,
    now()::TIMESTAMP AS rejected_at, now()::DATE AS rejection_date
FROM records WHERE reason IS NOT NULL
UNION ALL
SELECT ranked.source_file || ':' || ranked.position, ranked.source_file, 'DUPLICATE_DETECTED', raw_payload,
    now()::TIMESTAMP, now()::DATE
FROM ranked JOIN records USING (source_file, position) WHERE place > 1
"""


def refresh(landing: Path, dimensions: Path, out: Path) -> None:
    """Read what has landed and write all tables below ``out``."""
    with duckdb.connect(config={"preserve_insertion_order": True}) as base:
        for table in DIMENSIONS:
            base.register(table.name, _without_zone(scanning.dataset(str(dimensions), table).to_table()))
        base.execute(_LINES.format(landing=landing))
        base.execute(_RECORDS)
        base.execute("DROP TABLE lines")
        _write(base, out / "bronze" / "iot_telemetry", _BRONZE, "reading_date")
        base.execute(_RANKED)
        _write(base, out / "bronze" / "rejected_records", _REJECTED, "rejection_date")
        base.execute("DROP TABLE records")
        base.execute(_SILVER)
        base.execute("DROP TABLE ranked")
        _write(base, out / "silver" / "iot_telemetry", "FROM readings", "reading_date")
        for step in GOLD_STEPS:
            base.execute(step)
        _write(base, out / "gold" / "temperature_excursions", EXCURSIONS, "year", "month")
        _write(base, out / "gold" / "shipment_analytics", ANALYTICS, "year", "month")


def _without_zone(table: pa.Table) -> pa.Table:
    """Return instants as DuckDB knows them without its extension for time zones: UTC, and not said so."""
    return table.cast(_zoned(table.schema, None))


def _zoned(schema: pa.Schema, zone: str | None) -> pa.Schema:
    instants = [pa.types.is_timestamp(field.type) for field in schema]
    fields = [
        field.with_type(pa.timestamp("us", zone)) if is_instant else field
        for field, is_instant in zip(schema, instants, strict=True)
    ]
    return pa.schema(fields)


def _write(base: duckdb.DuckDBPyConnection, place: Path, query: str, *partitions: str) -> None:
    reader = base.sql(query).to_arrow_reader()
    schema = _zoned(reader.schema, "UTC")
    batches = (batch.cast(schema) for batch in reader)
    rows = pa.RecordBatchReader.from_batches(schema, batches)
    write_deltalake(str(place), rows, partition_by=list(partitions), mode="overwrite")


if __name__ == "__main__":
    refresh(*(Path(word) for word in sys.argv[1:4]))
