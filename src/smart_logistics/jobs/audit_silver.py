"""Silver made again from all of Bronze, in one batch, and compared: any number of batches must have given the same."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from smart_logistics.contracts import bronze
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.rules import Reason, Reprocessing
from smart_logistics.contracts.source import BY_NAME, SHIPMENTS, SourceTable
from smart_logistics.jobs.quality_window import Window, source_of
from smart_logistics.jobs.row_batch import SILVER
from smart_logistics.lake.changes import difference
from smart_logistics.lake.operations import OPERATION
from smart_logistics.lake.reading import instant_literal
from smart_logistics.quality import checks, declared, findings
from smart_logistics.quality.checks import Outcome
from smart_logistics.silver import dead_letter, latest, readings, shipment_history
from smart_logistics.silver.speed import with_speed_flags
from smart_logistics.silver.verdict import normalised_plate


def rebuilt(
    table: Table, held: DataFrame, wanted: DataFrame, columns: list[str]
) -> tuple[Table, checks.Check, DataFrame]:
    """Return the finding of where ``held`` is other than ``wanted`` in ``columns``."""
    differs = difference(held, wanted, table.key, columns, delete=True)
    meaning = F.when(F.col(OPERATION) == "I", "is missing").when(F.col(OPERATION) == "D", "is one too many")
    key = [F.concat(F.lit(f"{name}="), F.col(name).cast("string")) for name in table.key]
    told = F.concat_ws(" ", *key, meaning.otherwise("differs"))
    return table, checks.REBUILT, findings.finding(table, checks.REBUILT, differs, told)


def behind(table: Table) -> Outcome:
    """Return that a table was not compared."""
    return Outcome(table, checks.REBUILT, None, "not compared: it is behind the layer below")


def rows_rebuilt(window: Window) -> Iterator[Outcome]:
    """Compare every table of source rows, and the histories of all shipments."""
    found = []
    for table in declared.OF_ROWS:
        if window.behind(table):
            yield behind(table)
        elif table is declared.SHIPMENTS:
            found.append(_histories(window))
        else:
            source = source_of(table)
            columns = [name for name in table.column_names if name in (*source.column_names, "is_deleted")]
            found.append(rebuilt(table, window.read(table), _settled(window, source), columns))
    yield from findings.collected(found)


def _settled(window: Window, source: SourceTable) -> DataFrame:
    """Return what a table should hold by all versions that ever came, judged by the parents of now."""
    target = SILVER[source.name]
    rows = window.read(bronze.EXTRACTED[source.name]).select(
        *source.column_names,
        "_rescued_data",
        "_ingested_at",
        F.max("_ingested_at").over(Over.partitionBy(source.key)).alias("_seen_at"),
    )
    parents = {
        key.column: window.read(SILVER[key.parent]).select(BY_NAME[key.parent].key).distinct()
        for key in source.foreign_keys
    }
    held = window.read(target).filter(F.lit(False))
    if target is declared.SHIPMENTS:
        held = shipment_history.latest_rows(held)
    return latest.settled(held, latest.judged(rows, source, parents), _gone(window, source), source)


def _gone(window: Window, source: SourceTable) -> DataFrame:
    rows = window.read(bronze.SOURCE_DELETES).filter(F.col("source_table") == source.name)
    type_ = SILVER[source.name].column(source.key).type
    return rows.select(F.col("source_key").cast(type_), F.col("_ingested_at").alias("_gone_at"))


def _histories(window: Window) -> tuple[Table, checks.Check, DataFrame]:
    table = declared.SHIPMENTS
    rows = _settled(window, SHIPMENTS).drop("_held")
    nothing = shipment_history.latest_rows(window.read(table).filter(F.lit(False)))
    events = window.read(SILVER["shipment_status_events"]).drop("_ingested_at", "_changed_at")
    wanted = shipment_history.versions(shipment_history.with_months(rows, nothing), events)
    columns = [name for name in table.column_names if not name.startswith("_")]
    return rebuilt(table, window.read(table), wanted, columns)


def readings_rebuilt(window: Window) -> Outcome:
    """Compare the readings and their flags with the Bronze records that no letter rejects for another reason."""
    table = declared.READINGS
    if window.behind(table):
        return behind(table)
    records = window.read(declared.RECORDS).filter(F.col("_ingested_at") <= instant_literal(window.judged_until(table)))
    letters = window.read(declared.LETTERS).filter(
        (F.col("source_table") == table.name)
        & (F.col("layer") == "silver")
        & (F.col("rejection_reason") != Reason.DUPLICATE_DETECTED.name)
        & (F.col("reprocessing_status") != Reprocessing.REPROCESSED.value)
    )
    rejected = letters.select(F.col("source_key").alias("_key"), F.col("_ingested_at").alias("_at"))
    key = dead_letter.reading_key()
    no_verdict = F.lit(None).cast("struct<reason:string,detail:string>")
    valid = (
        records.join(rejected, (key == F.col("_key")) & (F.col("_ingested_at") == F.col("_at")), "left_anti")
        .withColumn("truck_id", normalised_plate("truck_id"))
        .withColumn(readings.VERDICT, no_verdict)
    )
    first = readings.typed(readings.without_repeats(valid, window.read(table).filter(F.lit(False))))
    columns = [name for name in table.column_names if not name.startswith("_")]
    (outcome,) = findings.collected([rebuilt(table, window.read(table), with_speed_flags(first), columns)])
    return outcome
