"""The results of the checks in ``ops.dq_metrics``: one commit for each run, replaced where the run is checked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.lake import scanning, tables
from smart_logistics.lake.conditions import Condition
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


def seen_before(lakehouse: str, recorded: DeltaTable | None, run_id: str, app: str) -> int:
    """Return the stamp up to which ``app`` had checked everything before this run did; 0 where it never had.

    ``recorded`` is the open table here and below, None where there is none.
    """
    if recorded is None:
        return 0
    seen = recorded.transaction_version(app) or 0
    if seen and _rows(lakehouse, recorded, [("run_id", "=", run_id), ("checked_at", "=", instant(seen))]):
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
    lakehouse: str, recorded: DeltaTable | None, check_name: str, run_id: str, now: datetime
) -> Mapping[tuple[str, str], Sequence[float]]:
    """Return the values of a check in the last week's other runs, oldest first, by (layer, table name)."""
    wanted: list[Condition] = [("check_name", "=", check_name), ("checked_at", ">", now - _MEMORY)]
    rows = [row for row in _rows(lakehouse, recorded, wanted) if row["run_id"] != run_id]
    past: dict[tuple[str, str], list[float]] = {}
    for row in sorted(rows, key=lambda row: row["checked_at"]):
        past.setdefault((row["layer"], row["table_name"]), []).append(row["value"])
    return past


def values_at(
    lakehouse: str, recorded: DeltaTable | None, check_name: str, checked_at: datetime
) -> Mapping[tuple[str, str], float]:
    """Return the values of a check by (layer, table name), as they were recorded at one moment."""
    wanted: list[Condition] = [("check_name", "=", check_name), ("checked_at", "=", checked_at)]
    return {(row["layer"], row["table_name"]): row["value"] for row in _rows(lakehouse, recorded, wanted)}


def warnings(lakehouse: str, run_id: str) -> list[dict[str, Any]]:
    """Return what warned in a run, as rows of ``ops.dq_metrics``."""
    wanted: list[Condition] = [("run_id", "=", run_id), ("status", "=", "warn")]
    rows = _rows(lakehouse, tables.open_table(lakehouse, DQ_METRICS), wanted, DQ_METRICS.column_names)
    return sorted(rows, key=lambda row: tuple(row[name] for name in DQ_METRICS.key))


def _rows(
    lakehouse: str,
    recorded: DeltaTable | None,
    wanted: Sequence[Condition],
    columns: Sequence[str] = ("run_id", "layer", "table_name", "value", "checked_at"),
) -> list[dict[str, Any]]:
    if recorded is None:
        return []
    rows: list[dict[str, Any]] = scanning.rows(lakehouse, DQ_METRICS, recorded, [wanted], columns).to_pylist()
    return rows
