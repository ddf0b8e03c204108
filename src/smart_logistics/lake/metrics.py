"""The results of the checks in ``ops.dq_metrics``: one commit for each run, replaced where the run is checked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, Transaction, write_deltalake

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.lake import tables

_MEMORY = timedelta(days=7)


def replace(lakehouse: str, run_id: str, rows: list[dict[str, Any]], *, app: str, stamp: int | None) -> None:
    """Record a run's results in place of what it recorded before; ``stamp`` is the progress that this ends, if any.

    The caller holds the table's lock.
    """
    tables.ensure(lakehouse, DQ_METRICS)
    arrow = pa.Table.from_pylist(rows, schema=pa.schema(tables.schema(DQ_METRICS).to_arrow()))
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
    lakehouse: str, check_name: str, run_id: str, now: datetime
) -> Mapping[tuple[str, str], Sequence[float]]:
    """Return the values of a check in the last week's other runs, oldest first, by (layer, table name)."""
    found = tables.open_table(lakehouse, DQ_METRICS)
    if found is None:
        return {}
    wanted = (
        (pc.field("check_name") == check_name)
        & (pc.field("run_id") != run_id)
        & (pc.field("checked_at") > pa.scalar(now - _MEMORY, pa.timestamp("us", "UTC")))
    )
    rows = found.to_pyarrow_dataset().to_table(columns=["layer", "table_name", "value", "checked_at"], filter=wanted)
    past: dict[tuple[str, str], list[float]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: row["checked_at"]):
        past.setdefault((row["layer"], row["table_name"]), []).append(row["value"])
    return past
