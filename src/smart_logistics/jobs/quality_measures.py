"""Which checks apply to which tables, and what each measures: facts and findings of a window, and what the logs say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median

import pyarrow.compute as pc

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.contracts.source import SHIPMENT_STATUS_EVENTS
from smart_logistics.jobs.quality_rules import RULES
from smart_logistics.jobs.quality_sample import recomputed
from smart_logistics.jobs.quality_window import CHECKED, READERS, Window
from smart_logistics.lake.metrics import past_values
from smart_logistics.quality import checks, facts, findings
from smart_logistics.quality.checks import Outcome

_SHIPMENTS, _READINGS, _LETTERS = silver.SHIPMENT_VERSIONS, silver.IOT_TELEMETRY, bronze.REJECTED_RECORDS
_LOG, _ANALYTICS = bronze.PROCESSED_FILES_LOG, gold.SHIPMENT_ANALYTICS
_VOLUME = (bronze.IOT_TELEMETRY, bronze.EXTRACTED[SHIPMENT_STATUS_EVENTS.name])
_ENOUGH_RUNS, _LOOK_BACK = 3, 24


def measure(window: Window, now: datetime, run_id: str) -> list[Outcome]:
    """Return the outcome of every check. Spark actions: two, and three for the sample."""
    with window.settings_for_size():
        return [
            *_of_logs(window, now),
            *_of_facts(window),
            *_volumes(window, now, run_id),
            *_of_findings(window),
            recomputed(window),
        ]


def _of_logs(window: Window, now: datetime) -> Iterator[Outcome]:
    """What the tables' logs say for little: columns, sizes, totals, the newest reading."""
    for table in (*CHECKED, DQ_METRICS):
        found = window.states[table.full_name]
        yield Outcome(table, checks.SCHEMA, len(found.deviations), "; ".join(found.deviations)[:300])
        yield Outcome(table, checks.SMALL_FILES, found.small_files)
    newest = window.states[_READINGS.full_name].newest("event_ts")
    age = None if newest is None else (now - newest).total_seconds() / 60
    yield Outcome(_READINGS, checks.FRESHNESS, age, "" if newest is None else f"{newest:%Y-%m-%d %H:%M} UTC")
    behind = {name: window.behind(reader[2]) for name, reader in READERS.items()}
    for name, lag in behind.items():
        yield Outcome(READERS[name][2], checks.BEHIND, lag)
    yield _total_reconciled(window)
    live = window.states[_SHIPMENTS.full_name].rows_where(pc.field("is_current"))
    held = window.states[_ANALYTICS.full_name].rows
    yield Outcome(_ANALYTICS, checks.TOTAL_COMPLETE, abs(live - held), f"{held} rows, {live} live shipments")


def _total_reconciled(window: Window) -> Outcome:
    """Count all of telemetry; not comparable while Silver is behind Bronze."""
    if window.behind(_READINGS):
        return Outcome(_READINGS, checks.TOTAL_RECONCILED, None, "not compared: Silver is behind")
    arrived = window.states[bronze.IOT_TELEMETRY.full_name].rows
    held = window.states[_READINGS.full_name].rows
    rejected = window.states[_LETTERS.full_name].rows_where(
        (pc.field("source_table") == _READINGS.name) & (pc.field("layer") == silver.LAYER)
    )
    told = f"{arrived} in Bronze, {held} in Silver, {rejected} rejected in Silver"
    return Outcome(_READINGS, checks.TOTAL_RECONCILED, abs(arrived - held - rejected), told)


def _of_facts(window: Window) -> Iterator[Outcome]:
    """What the aggregates over the new rows say."""
    for table in CHECKED:
        missing = facts.missing(window.facts.get(table.full_name, {}))
        told = ", ".join(f"{name}: {n}" for name, n in missing.items())
        yield Outcome(table, checks.REQUIRED, sum(missing.values()), told)
    came = sum(window.count(table) for table in bronze.EXTRACTED.values())
    yield from _rejections(_LETTERS, window.fact(_LETTERS, "of_rows"), came, "versions of source rows")
    records = window.fact(_LOG, "records") or 0
    yield from _rejections(_READINGS, window.fact(_LETTERS, "of_readings"), records, "telemetry records")
    readings, outliers = window.count(_READINGS), window.fact(_READINGS, "outliers")
    rate = outliers / readings if readings else None
    yield Outcome(_READINGS, checks.OUTLIER_RATE, rate, f"{outliers or 0} of {readings} readings")
    late, lag = window.fact(_LOG, "late"), window.fact(_LOG, "lag")
    oldest = f"{late} files were late, most of all {window.fact(_LOG, 'latest_file')}" if late else ""
    yield Outcome(_LOG, checks.FILE_LAG, lag, oldest)
    disagree = window.fact(_SHIPMENTS, "disagree") or 0
    yield Outcome(_SHIPMENTS, checks.STATUS_AGREES, disagree, window.fact(_SHIPMENTS, "disagree_example") or "")


def _rejections(table: Table, rejected: int | None, of: int, what: str) -> Iterator[Outcome]:
    rate = (rejected or 0) / of if of else None
    for check in (checks.REJECTION_RATE, checks.REJECTION_ALERT):
        yield Outcome(table, check, rate, f"{rejected or 0} of {of} {what}")


def _volumes(window: Window, now: datetime, run_id: str) -> Iterator[Outcome]:
    """How much came, against the runs of the last week in which anything came."""
    past = past_values(window.lake.root, checks.NEW_ROWS.name, run_id, now)
    for table in _VOLUME:
        count = window.count(table)
        yield Outcome(table, checks.NEW_ROWS, count)
        before = [value for value in past.get((table.layer, table.name), ()) if value][-_LOOK_BACK:]
        if count and len(before) >= _ENOUGH_RUNS:
            usual = median(before)
            yield Outcome(table, checks.VOLUME, max(count / usual, usual / count), f"{count} now, {usual:g} usually")
        else:
            yield Outcome(table, checks.VOLUME, None, "no comparison: nothing new, or too few runs before")


def _of_findings(window: Window) -> list[Outcome]:
    """Rules over rows. Where nothing they look at is new they are not asked again: they passed before."""
    asked = [rule for rule in RULES if any(window.count(table) for table in rule.when)]
    measured = findings.collected([(rule.table, rule.check, rule.build(window)) for rule in asked])
    idle = [Outcome(rule.table, rule.check, None, "nothing new") for rule in RULES if rule not in asked]
    return measured + idle
