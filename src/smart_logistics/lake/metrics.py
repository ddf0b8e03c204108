"""The results of the checks in ``ops.dq_metrics``: one commit for each run, replaced where the run is checked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.lake import tables

# The run ids of audits begin so.
AUDIT = "audit__"
_MEMORY = timedelta(days=7)


def replace(lakehouse: str, run_id: str, rows: list[dict[str, Any]], *, app: str, stamp: int | None) -> None:
    """Record a run's results in place of what it recorded before; ``stamp`` is the progress that this ends, if any.

    The caller holds the table's lock.
    """
    tables.ensure(lakehouse, DQ_METRICS, locked=True)
    arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(DQ_METRICS))
    properties = None if stamp is None else CommitProperties(app_transactions=[Transaction(app, stamp)])
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
    wanted = (pc.field("check_name") == check_name) & (
        pc.field("checked_at") == pa.scalar(checked_at, pa.timestamp("us", "UTC"))
    )
    return {(row["layer"], row["table_name"]): row["value"] for row in _rows(recorded, wanted)}


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
