"""All tables that follow from the sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.oracle import figures, gold, readings, rows, scd2
from tests.oracle.files import LoggedFile, take
from tests.oracle.model import DeadLetter, Row, Rules, Source
from tests.oracle.source_tables import TABLES

_OWN_SHAPE = ("shipments", "shipment_status_events")


@dataclass(frozen=True)
class Expected:
    """``tables`` by full name (only the columns that the contract determines), and the dead letter."""

    tables: dict[str, list[Row]]
    dead_letters: list[DeadLetter]


def expect(source: Source, rules: Rules | None = None, *, every_batch_was_judged: bool = False) -> Expected:
    """Recompute Bronze's telemetry and file log, every Silver and Gold table and the dead letter.

    ``every_batch_was_judged`` says that Silver ran after each extraction, before the next: then the dead letters of
    orphans whose parents came later must exist, else they may.
    """
    rules = rules or Rules()
    source = replace(source, files=sorted(source.files, key=lambda file: (file.taken_at, file.name.encode())))
    log = take(source.files)
    telemetry, letters = readings.telemetry(log, rules)
    judged = rows.judge(source)
    silver = rows.kept(judged, source.deletions)
    versions = scd2.shipments(silver["shipments"], silver["shipment_status_events"])
    analytics, excursions = gold.gold(silver, versions, telemetry, rules)
    tables = {
        "bronze.processed_files_log": [_log_row(file) for file in log],
        "bronze.iot_telemetry": [row for file in log for row in _bronze_rows(file)],
        "silver.iot_telemetry": telemetry,
        "silver.shipment_status_events": [one.row for one in silver["shipment_status_events"].values()],
        "silver.shipments": versions,
        "gold.shipment_analytics": analytics,
        "gold.temperature_excursions": excursions,
        "gold.fleet_daily": figures.fleet_daily(telemetry, analytics, excursions, rules),
        "gold.route_daily": figures.route_daily(analytics),
    }
    tables |= {f"silver.{t.name}": rows.latest_table(silver[t.name]) for t in TABLES if t.name not in _OWN_SHAPE}
    return Expected(tables, letters + rows.dead_letters(judged, every_batch_was_judged=every_batch_was_judged))


def _log_row(file: LoggedFile) -> Row:
    row: Row = {
        "file_name": file.name,
        "file_size_bytes": len(file.file.data),
        "checksum_md5": file.checksum,
        "processed_at": file.taken_at,
        "status": file.status,
    }
    if file.status != "DUPLICATE":  # the contract does not say what a duplicate counts
        row |= {"record_count": len(file.records), "rejected_count": file.rejected_count}
    return row


def _bronze_rows(file: LoggedFile) -> list[Row]:
    result = []
    for record in file.records:
        if record.value is not None:
            at = readings.reading_date_source(record.value)
            result.append(
                {
                    "source_file": file.name,
                    "position": record.position,
                    "_ingested_at": file.taken_at,
                    "raw_payload": record.text.strip(" \t\r\n"),
                    "reading_date": None if at is None else at.date(),
                }
            )
    return result
