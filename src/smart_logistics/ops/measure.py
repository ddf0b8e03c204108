"""Measures the tables and the landing folder. No JVM, no state: any process says the same, as often as it is asked.

Reads grow with what is asked about (the last run, the last day), not with the history: the bounds that Delta keeps of
each file leave out the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from smart_logistics import contracts
from smart_logistics.contracts import bronze, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.state import State
from smart_logistics.lake.tables import open_table
from smart_logistics.ops import measure_runs
from smart_logistics.ops import measures as m
from smart_logistics.ops.measures import Sample
from smart_logistics.sources.landing import eligible

_log = logging.getLogger(__name__)
Part = Callable[[], Iterator[Sample]]
_SEVERITIES = ("None", "Minor", "Major", "Critical")
_OPEN = ("PENDING", "REVIEWED")


def parts(lakehouse: str, landing: Path) -> Mapping[str, Part]:
    """Return what is measured here, part by part: one that fails must not take the others along."""
    return {
        "runs": partial(measure_runs.samples, lakehouse),
        "quality": partial(measure_runs.quality, lakehouse),
        "tables": partial(_tables, lakehouse),
        "rejected": partial(_rejected, lakehouse),
        "files": partial(_files, lakehouse),
        "gold": partial(_gold, lakehouse),
        "landing": partial(_landing, landing),
    }


def collect(wanted: Mapping[str, Part]) -> list[Sample]:
    """Measure part by part; what cannot be measured is logged, and said by a sample of its own."""
    found: list[Sample] = []
    for name, part in wanted.items():
        began, failed = time.monotonic(), 0
        try:
            found += list(part())
        except Exception:  # noqa: BLE001 - whatever it is, the other parts are measured, and this is told
            _log.exception("%s could not be measured", name)
            failed = 1
        found.append(m.COLLECTION_FAILED.sample(failed, name))
        found.append(m.COLLECTION_SECONDS.sample(time.monotonic() - began, name))
    return found


def _state(lakehouse: str, table: Table) -> State:
    return State(table, open_table(lakehouse, table))


def _tables(lakehouse: str) -> Iterator[Sample]:
    for table in contracts.ALL_TABLES:
        state = _state(lakehouse, table)
        if state.delta is not None:
            yield m.TABLE_ROWS.sample(state.rows, table.layer, table.name)
            yield m.TABLE_BYTES.sample(state.bytes, table.layer, table.name)
            yield m.TABLE_SMALL_FILES.sample(state.small_files, table.layer, table.name)


def _grouped(lakehouse: str, table: Table, *columns: str, where: pc.Expression | None = None) -> list[tuple[Any, ...]]:
    """Return each group's values with its count at the end."""
    delta = open_table(lakehouse, table)
    if delta is None:
        return []
    read = scan(lakehouse, table, delta).to_table(columns=list(columns), filter=where)
    counted = read.group_by(list(columns)).aggregate([([], "count_all")])
    return [tuple(row.values()) for row in counted.select([*columns, "count_all"]).to_pylist()]


def _rejected(lakehouse: str) -> Iterator[Sample]:
    is_open = pc.field("reprocessing_status").isin(_OPEN)
    for table, reason, count in _grouped(
        lakehouse, bronze.REJECTED_RECORDS, "source_table", "rejection_reason", where=is_open
    ):
        yield m.REJECTED_OPEN.sample(count, table, reason)


def _files(lakehouse: str) -> Iterator[Sample]:
    for status, count in _grouped(lakehouse, bronze.PROCESSED_FILES_LOG, "status"):
        yield m.FILES.sample(count, status)
    newest = _state(lakehouse, bronze.PROCESSED_FILES_LOG).newest("processed_at")
    if newest is not None:
        yield m.LAST_FILE.sample(newest.timestamp())


def _gold(lakehouse: str) -> Iterator[Sample]:
    shipments, excursions = (
        dict(_grouped(lakehouse, table, column))
        for table, column in ((gold.SHIPMENT_ANALYTICS, "alert_severity"), (gold.TEMPERATURE_EXCURSIONS, "severity"))
    )
    for severity in _SEVERITIES:
        yield m.SHIPMENTS.sample(shipments.get(severity, 0), severity)
        if severity != "None":
            yield m.EXCURSIONS.sample(excursions.get(severity, 0), severity)
    # Not Bronze's: a reading from the year 9999 is kept there as it came.
    in_silver = _state(lakehouse, silver.IOT_TELEMETRY).newest("event_ts")
    if in_silver is not None:
        yield from _newest_reading("silver", in_silver)
    in_gold = _newest_in_gold(lakehouse)
    if in_gold is not None:
        yield from _newest_reading("gold", in_gold)


def _newest_reading(layer: str, moment: datetime) -> Iterator[Sample]:
    yield m.NEWEST_READING.sample(moment.timestamp(), layer)
    yield m.LAG.sample(time.time() - moment.timestamp(), layer)


def _newest_in_gold(lakehouse: str) -> datetime | None:
    """Read the column: Delta keeps no bounds of a table's thirty-third."""
    delta = open_table(lakehouse, gold.SHIPMENT_ANALYTICS)
    if delta is None:
        return None
    value: datetime | None = pc.max(delta.to_pyarrow_table(columns=["last_reading_at"])["last_reading_at"]).as_py()
    return value


def _landing(landing: Path) -> Iterator[Sample]:
    now = time.time()
    ages = list(waiting(landing, now))
    yield m.FILES_WAITING.sample(len(ages))
    yield m.OLDEST_FILE.sample(max(ages, default=0))


def waiting(landing: Path, now: float) -> Iterator[float]:
    """Yield how many seconds each file waits that will be taken.

    Raises:
        SourceUnavailable: the folder cannot be read.
    """
    for name in eligible(landing, 0, now):
        with suppress(FileNotFoundError):  # taken since it was listed
            # A sender's clock may be wrong: the kernel's own stamp says when the file really came.
            yield max(0.0, now - (landing / name).stat().st_ctime)
