"""The results of the checks in ``ops.dq_metrics``: one commit for each run, replaced where the run is checked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.lake import tables
from smart_logistics.lake.tables import instant

# The run ids of audits begin so.
AUDIT = "audit__"
_MEMORY = timedelta(days=7)


@dataclass(frozen=True)
class Progress:
    """That ``app`` has checked what came after the stamp ``since``, up to ``until``."""

    app: str
    since: int
    until: int

    def transactions(self) -> list[Transaction]:
        """Return it as Delta keeps it."""
        return [Transaction(self.app, self.until), Transaction(_since(self.app), self.since)]


def _since(app: str) -> str:
    return f"{app}.since"


def seen_before(recorded: DeltaTable | None, run_id: str, app: str) -> int:
    """Return the stamp up to which ``app`` had checked everything before this run did; 0 where it never had."""
    if recorded is None:
        return 0
    seen = recorded.transaction_version(app) or 0
    if seen and _rows(recorded, (pc.field("run_id") == run_id) & _recorded_at(instant(seen))):
        return recorded.transaction_version(_since(app)) or 0
    return seen


def replace(lakehouse: str, run_id: str, rows: list[dict[str, Any]], progress: Progress | None = None) -> None:
    """Record a run's results, and what progress they are, in place of what it recorded before.

    The caller holds the table's lock.
    """
    tables.ensure(lakehouse, DQ_METRICS, locked=True)
    arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(DQ_METRICS))
    properties = None if progress is None else CommitProperties(app_transactions=progress.transactions())
    quoted = run_id.replace("'", "''")
    write_deltalake(
        tables.uri(lakehouse, DQ_METRICS),
        arrow,
        mode="overwrite",
        predicate=f"run_id = '{quoted}'",
        commit_properties=properties,
    )


def past_values(
    recorded: DeltaTable | None, check_name: str, run_id: str, now: datetime
) -> Mapping[tuple[str, str], Sequence[float]]:
    """Return the values of a check in the last week's other runs, oldest first, by (layer, table name)."""
    wanted = (
        (pc.field("check_name") == check_name)
        & (pc.field("run_id") != run_id)
        & (pc.field("checked_at") > pa.scalar(now - _MEMORY, pa.timestamp("us", "UTC")))
    )
    past: dict[tuple[str, str], list[float]] = {}
    for row in sorted(_rows(recorded, wanted), key=lambda row: row["checked_at"]):
        past.setdefault((row["layer"], row["table_name"]), []).append(row["value"])
    return past


def values_at(recorded: DeltaTable | None, check_name: str, checked_at: datetime) -> Mapping[tuple[str, str], float]:
    """Return the values of a check by (layer, table name), as they were recorded at one moment."""
    wanted = (pc.field("check_name") == check_name) & _recorded_at(checked_at)
    return {(row["layer"], row["table_name"]): row["value"] for row in _rows(recorded, wanted)}


def _recorded_at(checked_at: datetime) -> pc.Expression:
    return pc.field("checked_at") == pa.scalar(checked_at, pa.timestamp("us", "UTC"))


def warnings(lakehouse: str, run_id: str) -> list[dict[str, Any]]:
    """Return what warned in a run, as rows of ``ops.dq_metrics``."""
    wanted = (pc.field("run_id") == run_id) & (pc.field("status") == "warn")
    rows = _rows(tables.open_table(lakehouse, DQ_METRICS), wanted, DQ_METRICS.column_names)
    return sorted(rows, key=lambda row: tuple(row[name] for name in DQ_METRICS.key))


def _rows(
    recorded: DeltaTable | None,
    wanted: pc.Expression,
    columns: Sequence[str] = ("layer", "table_name", "value", "checked_at"),
) -> list[dict[str, Any]]:
    if recorded is None:
        return []
    rows: list[dict[str, Any]] = (
        recorded.to_pyarrow_dataset().to_table(columns=list(columns), filter=wanted).to_pylist()
    )
    return rows
