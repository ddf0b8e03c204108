"""Upkeep of the lakehouse, table by table: compaction, vacuum, log, and what it looks like afterwards.

Safe at any time and any number of times: no row changes, each step is one commit under the table's lock, and a killed
run leaves nothing that the next one does not clean up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import TABLE_HEALTH
from smart_logistics.errors import ConfigurationError, LakeUnavailable, LogisticsError
from smart_logistics.lake import compaction, locks, small, tables, vacuum
from smart_logistics.lake.state import state
from smart_logistics.lake.vacuum import NOTHING, Vacuumed

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What was done to a table, or what there is to do."""

    table: Table
    partitions: int = 0
    compacted: int = 0
    vacuumed: Vacuumed = NOTHING

    def line(self, *, planned: bool = False) -> str:
        """Return it as words."""
        words = []
        if self.compacted:
            what = "to join" if planned else "joined"
            words.append(f"{self.compacted} files in {self.partitions} partition(s) {what}")
        if self.vacuumed.files:
            size = "" if planned else f", {self.vacuumed.bytes / 1024:,.0f} KiB freed"
            words.append(f"{self.vacuumed.files} old files {'to delete' if planned else 'deleted'}{size}")
        return "; ".join(words) or "nothing to do"


def chosen(names: Sequence[str]) -> tuple[Table, ...]:
    """Return the tables of these full names, all of them where none is named.

    Raises:
        ConfigurationError: there is no table of a name.
    """
    if unknown := [name for name in names if name not in contracts.BY_FULL_NAME]:
        known = ", ".join(contracts.BY_FULL_NAME)
        raise ConfigurationError(f"there is no table {', '.join(unknown)}", remedy=f"the tables are {known}")
    return tuple(contracts.BY_FULL_NAME[name] for name in names) or contracts.ALL_TABLES


def planned(lakehouse: str, wanted: Sequence[Table], *, retain_hours: int) -> Iterator[Work]:
    """Yield what there is to do for each table that is there, and do nothing."""
    for table in _present(lakehouse, wanted):
        steps = compaction.steps(lakehouse, table)
        old = vacuum.expired(lakehouse, table, retain_hours)
        yield Work(table, len(steps), sum(step.files for step in steps), Vacuumed(len(old)))


def maintain(
    lakehouse: str, wanted: Sequence[Table], *, run_id: str, retain_hours: int, tell: Callable[[Work], None]
) -> Mapping[str, int]:
    """Do what there is to do, ``tell`` about each table, record its health, and return the counts.

    A table that fails does not keep the others from their turn.

    Raises:
        LockHeld: maintenance runs already.
        LakeUnavailable: some tables failed; they are named. The next run continues with them.
    """
    failed: dict[str, str] = {}
    done: list[Work] = []
    health: list[dict[str, Any]] = []
    with _alone(lakehouse):
        for table in list(_present(lakehouse, wanted)):
            try:
                work = _one(lakehouse, table, retain_hours)
                health.append(_health(lakehouse, work, run_id))
            except (LogisticsError, DeltaError, OSError) as error:
                _log.warning("maintenance of %s failed: %s", table.full_name, error)
                failed[table.full_name] = " ".join(str(error).split())[:300]
                continue
            done.append(work)
            tell(work)
        if health:
            small.merge_rows(lakehouse, TABLE_HEALTH, health)
    if failed:
        whys = "; ".join(f"{name}: {why}" for name, why in failed.items())
        raise LakeUnavailable(f"maintenance failed for {whys}", remedy="run it again: it continues with these tables")
    return {
        "tables": len(done),
        "compacted_files": sum(work.compacted for work in done),
        "vacuumed_files": sum(work.vacuumed.files for work in done),
        "freed_bytes": sum(work.vacuumed.bytes for work in done),
    }


def _one(lakehouse: str, table: Table, retain_hours: int) -> Work:
    replaced = [compaction.apply(lakehouse, table, step) for step in compaction.steps(lakehouse, table)]
    vacuumed = vacuum.apply(lakehouse, table, retain_hours)
    vacuum.clean_log(lakehouse, table)
    return Work(table, sum(map(bool, replaced)), sum(replaced), vacuumed)


def _present(lakehouse: str, wanted: Sequence[Table]) -> Iterator[Table]:
    return (table for table in wanted if tables.open_table(lakehouse, table) is not None)


@contextmanager
def _alone(lakehouse: str) -> Iterator[None]:
    """Keep a second maintenance out: it would wait for each table and find nothing left to do."""
    if not tables.is_local(lakehouse):
        yield
        return
    with locks.hold(Path(lakehouse) / "_locks" / "job.lakehouse_maintenance.lock"):
        yield


def _health(lakehouse: str, work: Work, run_id: str) -> dict[str, Any]:
    now = state(lakehouse, work.table)
    oldest, newest = now.written()
    return {
        "run_id": run_id,
        "layer": work.table.layer,
        "table_name": work.table.name,
        "measured_at": datetime.now(UTC),
        "version": now.delta.version() if now.delta else 0,
        "rows": now.rows,
        "bytes": now.bytes,
        "files": now.files,
        "small_files": now.small_files,
        "partitions": now.partitions,
        "oldest_file_at": oldest,
        "newest_file_at": newest,
        "log_files": vacuum.log_files(lakehouse, work.table),
        "compacted_files": work.compacted,
        "vacuumed_files": work.vacuumed.files,
        "freed_bytes": work.vacuumed.bytes,
    }
