"""Which rules over rows are asked of which tables, and when: only if a table that the rule looks at has new rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import SourceTable
from smart_logistics.jobs.quality_window import Window, source_of
from smart_logistics.quality import checks, declared, figures, findings, places
from smart_logistics.quality.checks import Check
from smart_logistics.quality.declared import (
    ANALYTICS,
    ASSIGNMENTS,
    EXCURSIONS,
    LETTERS,
    LOG,
    READINGS,
    RECORDS,
    ROUTES,
    SHIPMENTS,
    TRUCKS,
)

# The batch is part of their key: a key can only occur again in the same batch.
_KEYED_BY_BATCH = (RECORDS, LOG)


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
        letters = window.arrived(LETTERS, target).filter(F.col("source_table") == source.name)
        return places.rows(source, target, window.arrived(table, target), letters, window.new(target))

    return Rule(target, checks.ONE_PLACE, build, (table, target))


def _telemetry_letters(window: Window) -> DataFrame:
    return window.new(LETTERS).filter(F.col("source_table") == RECORDS.name)


def _files(window: Window) -> DataFrame:
    letters = _telemetry_letters(window).filter(F.col("_ingested_at") > window.start)
    return places.files(window.new(LOG), window.new(RECORDS), letters)


def _readings(window: Window) -> DataFrame:
    letters = window.arrived(LETTERS, READINGS).filter(F.col("source_table") == RECORDS.name)
    held = window.new(READINGS).filter(F.col("_ingested_at") > window.start)
    return places.readings(window.arrived(RECORDS, READINGS), held, letters)


def _readings_from_bronze(window: Window) -> DataFrame:
    held = window.new(READINGS).filter(F.col("_ingested_at") > window.start)
    return places.unknown_readings(held, window.new(RECORDS))


def _rows_from_bronze(source: SourceTable, target: Table) -> Rule:
    table = bronze.EXTRACTED[source.name]

    def build(window: Window) -> DataFrame:
        held = window.new(target).filter(F.col("_ingested_at") > window.start)
        return places.unknown_rows(source, target, held, window.new(table))

    return Rule(target, checks.FROM_BRONZE, build, (target,))


def _excursions(window: Window) -> DataFrame:
    analytics = window.new(ANALYTICS)
    return findings.disagreeing_excursions(analytics, window.beside(EXCURSIONS, ANALYTICS, ["shipment_id"]))


def _trucks(window: Window) -> DataFrame:
    return figures.disagreeing_trucks(window.new(TRUCKS), window.begun(EXCURSIONS, "started_at", TRUCKS))


def _routes(window: Window) -> DataFrame:
    return figures.disagreeing_routes(window.new(ROUTES), window.beside(ANALYTICS, ROUTES, ()))


def _overlaps(window: Window) -> DataFrame:
    return findings.overlaps(
        window.new(ASSIGNMENTS), window.under_way(ASSIGNMENTS, ASSIGNMENTS, "assignment_start_time")
    )


RULES: tuple[Rule, ...] = (
    Rule(LOG, checks.FILES_RECONCILED, _files, (LOG, RECORDS)),
    Rule(READINGS, checks.READINGS_RECONCILED, _readings, (RECORDS, READINGS)),
    Rule(READINGS, checks.FROM_BRONZE, _readings_from_bronze, (READINGS,)),
    *(_one_place(source_of(target), target) for target in declared.OF_ROWS),
    *(_rows_from_bronze(source_of(target), target) for target in declared.OF_ROWS),
    *(_key_unique(table) for table in declared.KEYED),
    *(_foreign_keys(target) for target in declared.REFERRING),
    Rule(SHIPMENTS, checks.SCD2, lambda window: findings.broken_histories(window.histories()), (SHIPMENTS,)),
    Rule(
        ANALYTICS,
        checks.COMPLETE,
        lambda window: findings.incomplete(window.histories(), window.answers()),
        (SHIPMENTS,),
    ),
    Rule(EXCURSIONS, checks.EXCURSIONS_AGREE, _excursions, (ANALYTICS,)),
    Rule(TRUCKS, checks.FIGURES_AGREE, _trucks, (TRUCKS,)),
    Rule(ROUTES, checks.FIGURES_AGREE, _routes, (ROUTES,)),
    Rule(ASSIGNMENTS, checks.OVERLAPS, _overlaps, (ASSIGNMENTS,)),
)
