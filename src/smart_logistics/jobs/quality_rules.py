"""Which rules over rows are asked of which tables, and when: only if a table that the rule looks at has new rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import SourceTable
from smart_logistics.jobs.quality_window import Window, source_of
from smart_logistics.jobs.row_batch import SILVER
from smart_logistics.quality import checks, facts, findings, places
from smart_logistics.quality.checks import Check

_RECORDS, _LOG, _LETTERS = bronze.IOT_TELEMETRY, bronze.PROCESSED_FILES_LOG, bronze.REJECTED_RECORDS
_READINGS, _SHIPMENTS, _ASSIGNMENTS = silver.IOT_TELEMETRY, silver.SHIPMENT_VERSIONS, silver.TRUCK_ASSIGNMENTS
_ANALYTICS, _EXCURSIONS = gold.SHIPMENT_ANALYTICS, gold.TEMPERATURE_EXCURSIONS
# The batch is part of their key: a key can only occur again in the same batch.
_KEYED_BY_BATCH = (_RECORDS, _LOG)


@dataclass(frozen=True)
class Rule:
    """A check of a table, the frame that measures it, and the tables of which new rows make it worth asking."""

    table: Table
    check: Check
    build: Callable[[Window], DataFrame]
    when: tuple[Table, ...]


def _key_unique(table: Table) -> Rule:
    def build(window: Window) -> DataFrame:
        rows = window.new(table) if table in _KEYED_BY_BATCH else window.around(table)
        return findings.repeated_keys(table, rows)

    return Rule(table, checks.KEY_UNIQUE, build, (table,))


def _foreign_keys(table: Table) -> Rule:
    def build(window: Window) -> DataFrame:
        parents = {
            key: window.parents(table, key.column, key.parent).distinct() for key in source_of(table).foreign_keys
        }
        return findings.orphans(table, window.new(table), parents)

    return Rule(table, checks.FOREIGN_KEYS, build, (table,))


def _one_place(source: SourceTable, target: Table) -> Rule:
    table = bronze.EXTRACTED[source.name]

    def build(window: Window) -> DataFrame:
        letters = window.arrived(_LETTERS, target).filter(F.col("source_table") == source.name)
        return places.rows(source, target, window.arrived(table, target), letters, window.new(target))

    return Rule(target, checks.ONE_PLACE, build, (table, target))


def _telemetry_letters(window: Window) -> DataFrame:
    return window.new(_LETTERS).filter(F.col("source_table") == _RECORDS.name)


def _files(window: Window) -> DataFrame:
    letters = _telemetry_letters(window).filter(F.col("_ingested_at") > window.start)
    return places.files(window.new(_LOG), window.new(_RECORDS), letters)


def _readings(window: Window) -> DataFrame:
    letters = window.arrived(_LETTERS, _READINGS).filter(F.col("source_table") == _RECORDS.name)
    held = window.new(_READINGS).filter(F.col("_ingested_at") > window.start)
    return places.readings(window.arrived(_RECORDS, _READINGS), held, letters)


def _excursions(window: Window) -> DataFrame:
    analytics = window.new(_ANALYTICS)
    return findings.disagreeing_excursions(analytics, window.beside(_EXCURSIONS, _ANALYTICS))


def _overlaps(window: Window) -> DataFrame:
    first = window.fact(_ASSIGNMENTS, facts.LOW + "assignment_start_time")
    ends = F.col("assignment_end_time")
    later = window.read(_ASSIGNMENTS).filter(ends.isNull() | (ends > F.lit(first).cast("timestamp")))
    return findings.overlaps(window.new(_ASSIGNMENTS), later)


# Bronze keeps every version of a row, and a source may repeat a key: there uniqueness is no invariant.
_KEYED = (*silver.TABLES, *gold.TABLES, _RECORDS, _LOG, _LETTERS)
RULES: tuple[Rule, ...] = (
    Rule(_LOG, checks.FILES_RECONCILED, _files, (_LOG, _RECORDS)),
    Rule(_READINGS, checks.READINGS_RECONCILED, _readings, (_RECORDS, _READINGS)),
    *(_one_place(source_of(target), target) for target in SILVER.values()),
    *(_key_unique(table) for table in _KEYED),
    *(_foreign_keys(target) for target in SILVER.values() if source_of(target).foreign_keys),
    Rule(_SHIPMENTS, checks.SCD2, lambda window: findings.broken_histories(window.histories()), (_SHIPMENTS,)),
    Rule(
        _ANALYTICS,
        checks.COMPLETE,
        lambda window: findings.incomplete(window.histories(), window.answers()),
        (_SHIPMENTS,),
    ),
    Rule(_EXCURSIONS, checks.EXCURSIONS_AGREE, _excursions, (_ANALYTICS,)),
    Rule(_ASSIGNMENTS, checks.OVERLAPS, _overlaps, (_ASSIGNMENTS,)),
)
