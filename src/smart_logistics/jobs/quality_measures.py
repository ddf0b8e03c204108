"""What each check measures: facts and findings of a window, and what the tables' logs say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.gold import HOLD_PROPERTY
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.contracts.rules import VALID_AGAIN
from smart_logistics.jobs.quality_rules import RULES
from smart_logistics.jobs.quality_window import READERS, Window
from smart_logistics.lake.metrics import past_values, values_at
from smart_logistics.lake.tables import instant
from smart_logistics.quality import checks, declared, facts, findings
from smart_logistics.quality.checks import Outcome
from smart_logistics.quality.declared import (
    ANALYTICS,
    CHECKED,
    EXCURSIONS,
    LETTERS,
    LOG,
    READINGS,
    RECORDS,
    ROUTES,
    SHIPMENTS,
    TRUCKS,
)

_ENOUGH_RUNS, _LOOK_BACK = 3, 24


def measure(window: Window, hold_minutes: int) -> list[Outcome]:
    """Return what must hold of every window, and of all that there is."""
    return [
        *_of_tables(window),
        *_of_progress(window),
        _total_reconciled(window),
        _total_complete(window),
        *_total_figures(window),
        _held(window, hold_minutes),
        *_of_facts(window),
        *_of_findings(window),
    ]


def measure_run(window: Window, now: datetime, run_id: str, *, made_again: bool = False) -> list[Outcome]:
    """Return what a run says of itself: rates, ages, sizes, and volumes against the runs before.

    Where it was asked to have Silver ``made_again``, rows may be fewer.
    """
    return [
        *_sizes(window),
        *_rows(window, may_go=made_again),
        *_rates(window),
        *_ages(window, now),
        *_volumes(window, now, run_id),
    ]


def _of_tables(window: Window) -> Iterator[Outcome]:
    """What the tables' own metadata says."""
    for table in declared.GATE[checks.SCHEMA]:
        wrong = window.lake.state(table).deviations
        yield Outcome(table, checks.SCHEMA, len(wrong), "; ".join(wrong)[:300])
    for table in declared.GATE[checks.UNCONSTRAINED]:
        lacking = window.lake.state(table).missing_constraints
        yield Outcome(table, checks.UNCONSTRAINED, len(lacking), ", ".join(lacking))


def _of_progress(window: Window) -> Iterator[Outcome]:
    """How far each table is behind the one below it."""
    for reader in READERS.values():
        yield Outcome(reader[2], checks.BEHIND, window.behind(reader[2]))
    for table in gold.TABLES:
        yield Outcome(table, checks.BEHIND, window.gold_behind(table))


def _total_reconciled(window: Window) -> Outcome:
    """Count all of telemetry; not comparable while Silver is behind Bronze."""
    if window.behind(READINGS):
        return Outcome(READINGS, checks.TOTAL_RECONCILED, None, "not compared: Silver is behind")
    arrived, held = window.lake.state(RECORDS).rows, window.lake.state(READINGS).rows
    rejected = window.total(LETTERS, ["source_table", "layer", "rejection_detail"], _rejected_readings)
    told = f"{arrived} in Bronze, {held} in Silver, {rejected} rejected in Silver"
    return Outcome(READINGS, checks.TOTAL_RECONCILED, abs(arrived - held - rejected), told)


def _total_complete(window: Window) -> Outcome:
    live = window.total(SHIPMENTS, ["is_current"], _live)
    held = window.lake.state(ANALYTICS).rows
    return Outcome(ANALYTICS, checks.TOTAL_COMPLETE, abs(live - held), f"{held} rows, {live} live shipments")


def _total_figures(window: Window) -> Iterator[Outcome]:
    """Add up all days; not comparable where a run ended between the tables."""
    for table in (TRUCKS, ROUTES):
        parts = []
        if window.lake.state(table).last_stamp == window.lake.state(ANALYTICS).last_stamp:
            if table is ROUTES:
                parts.append(("shipments", window.total(table, ["shipments"], _shipments), ANALYTICS))
            else:
                parts.append(("excursions", window.total(table, ["excursion_count"], _excursions), EXCURSIONS))
                if not window.gold_behind(table):
                    parts.append(("readings", window.total(table, ["reading_count"], _readings), READINGS))
        known = [(what, summed, window.lake.state(source).rows) for what, summed, source in parts]
        told = ", ".join(f"{summed} {what} of {rows}" for what, summed, rows in known)
        differ = sum(abs(summed - rows) for _, summed, rows in known) if known else None
        yield Outcome(table, checks.TOTAL_FIGURES, differ, told or "not compared: a run ended between the tables")


def _shipments(days: pa.Table) -> int:
    return pc.sum(days["shipments"]).as_py() or 0


def _excursions(days: pa.Table) -> int:
    return pc.sum(days["excursion_count"]).as_py() or 0


def _readings(days: pa.Table) -> int:
    return pc.sum(days["reading_count"]).as_py() or 0


def _rejected_readings(letters: pa.Table) -> int:
    of_readings = pc.and_(pc.equal(letters["source_table"], READINGS.name), pc.equal(letters["layer"], silver.LAYER))
    in_silver = pc.fill_null(pc.ends_with(letters["rejection_detail"], VALID_AGAIN), False)
    return pc.sum(pc.and_not(of_readings, in_silver)).as_py() or 0


def _live(versions: pa.Table) -> int:
    return pc.sum(versions["is_current"]).as_py() or 0


def _held(window: Window, hold_minutes: int) -> Outcome:
    """Gold notes with which hold it was computed; without a note it was never computed."""
    noted = window.lake.state(ANALYTICS).table_property(HOLD_PROPERTY)
    differs = noted is not None and noted != str(hold_minutes)
    return Outcome(ANALYTICS, checks.HOLD, int(differs), f"computed with {noted}, set is {hold_minutes}")


def _of_facts(window: Window) -> Iterator[Outcome]:
    """What the aggregates over the new rows say."""
    for table in CHECKED:
        found = window.facts.get(table.full_name, {})
        yield _named(table, checks.REQUIRED, facts.missing(found))
        if table.constraints:
            yield _named(table, checks.CONSTRAINTS, facts.broken(found))
    disagree = window.fact(SHIPMENTS, "disagree") or 0
    yield Outcome(SHIPMENTS, checks.STATUS_AGREES, disagree, window.fact(SHIPMENTS, "disagree_example") or "")


def _named(table: Table, check: checks.Check, found: Mapping[str, int]) -> Outcome:
    return Outcome(table, check, sum(found.values()), ", ".join(f"{name}: {n}" for name, n in found.items()))


def _of_findings(window: Window) -> list[Outcome]:
    """Rules over rows. Where nothing they look at is new they are not asked again: they passed before."""
    asked = [rule for rule in RULES if any(window.count(table) for table in rule.when)]
    built = [(rule.table, rule.check, rule.build(window)) for rule in asked]
    measured = findings.collected(built, at_once=window.at_once)
    idle = [Outcome(rule.table, rule.check, None, "nothing new") for rule in RULES if rule not in asked]
    return measured + idle


def _sizes(window: Window) -> Iterator[Outcome]:
    for table in declared.GATE[checks.SMALL_FILES]:
        yield Outcome(table, checks.SMALL_FILES, window.lake.state(table).small_files)


def _rows(window: Window, *, may_go: bool) -> Iterator[Outcome]:
    """Count all rows, and compare with the check before: between the two only runs may have made a difference."""
    before = values_at(window.lake.root, window.lake.state(DQ_METRICS).delta, checks.ROWS.name, instant(window.seen))
    for table in declared.COUNTED:
        rows = window.lake.state(table).rows
        yield Outcome(table, checks.ROWS, rows)
        was = before.get((table.layer, table.name))
        if was is None:
            yield Outcome(table, checks.ROWS_BY_RUNS, None, "no check before")
            continue
        gone = was - rows if table in declared.NEVER_FEWER and not (may_go and table.layer == silver.LAYER) else 0
        unknown = rows - was - window.count(table)
        told = f"{was:g} rows at the check before, {window.count(table)} of {rows} are new"
        yield Outcome(table, checks.ROWS_BY_RUNS, max(gone, unknown, 0), told)


def _rates(window: Window) -> Iterator[Outcome]:
    came = sum(window.count(table) for table in bronze.EXTRACTED.values())
    yield from _rejections(LETTERS, window.fact(LETTERS, "of_rows"), came, "versions of source rows")
    records = window.fact(LOG, "records") or 0
    yield from _rejections(READINGS, window.fact(LETTERS, "of_readings"), records, "telemetry records")
    readings, outliers = window.count(READINGS), window.fact(READINGS, "outliers")
    rate = outliers / readings if readings else None
    yield Outcome(READINGS, checks.OUTLIER_RATE, rate, f"{outliers or 0} of {readings} readings")


def _rejections(table: Table, rejected: int | None, of: int, what: str) -> Iterator[Outcome]:
    rate = (rejected or 0) / of if of else None
    for check in (checks.REJECTION_RATE, checks.REJECTION_ALERT):
        yield Outcome(table, check, rate, f"{rejected or 0} of {of} {what}")


def _ages(window: Window, now: datetime) -> Iterator[Outcome]:
    newest = window.lake.state(READINGS).newest("event_ts")
    age = None if newest is None else (now - newest).total_seconds() / 60
    yield Outcome(READINGS, checks.FRESHNESS, age, "" if newest is None else f"{newest:%Y-%m-%d %H:%M} UTC")
    late, lag = window.fact(LOG, "late"), window.fact(LOG, "lag")
    oldest = f"{late} files were late, most of all {window.fact(LOG, 'latest_file')}" if late else ""
    yield Outcome(LOG, checks.FILE_LAG, lag, oldest)


def _volumes(window: Window, now: datetime, run_id: str) -> Iterator[Outcome]:
    """How much came, against the runs of the last week in which anything came."""
    past = past_values(window.lake.root, window.lake.state(DQ_METRICS).delta, checks.NEW_ROWS.name, run_id, now)
    for table in declared.VOLUMES:
        count = window.count(table)
        yield Outcome(table, checks.NEW_ROWS, count)
        before = [value for value in past.get((table.layer, table.name), ()) if value][-_LOOK_BACK:]
        if count and len(before) >= _ENOUGH_RUNS:
            usual = median(before)
            yield Outcome(table, checks.VOLUME, max(count / usual, usual / count), f"{count} now, {usual:g} usually")
        else:
            yield Outcome(table, checks.VOLUME, None, "no comparison: nothing new, or too few runs before")
