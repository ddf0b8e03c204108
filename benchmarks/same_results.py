"""Whether two lakehouses hold the same answers: no figure of speed counts before that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from smart_logistics.contracts import bronze, silver
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.lake import scanning

# Relative: sums of doubles depend on their order.
_TOLERANCE = 1e-6
_OWN = frozenset({"updated_at"})
_READINGS = "SELECT truck_id, event_ts, temperature, latitude, longitude, is_outlier, outlier_reason, source_file"
_QUERIES = {
    bronze.IOT_TELEMETRY: "SELECT source_file, position, truck_id, event_ts, temperature, raw_payload",
    bronze.REJECTED_RECORDS: "SELECT source_key, rejection_reason, raw_payload",
    silver.IOT_TELEMETRY: _READINGS,
}


def differences(ours: Path, theirs: Path, *, where: Mapping[Table, str] | None = None) -> list[str]:
    """Return what differs, a line for each table that does; empty where the answers are the same.

    Bronze, the dead letter and Silver are compared whole, or as far as ``where`` says (table → condition); Gold always.
    """
    found = []
    parts = dict.fromkeys(_QUERIES, "true") if where is None else where
    with duckdb.connect() as base:
        for table, condition in parts.items():
            _register(base, table, ours, theirs)
            query = f"{_QUERIES[table]} FROM {{}} WHERE {condition}"
            for one, other in (("ours", "theirs"), ("theirs", "ours")):
                more = _count(base, f"({query.format(one)}) EXCEPT ALL ({query.format(other)})")
                if more:
                    found.append(f"{table.full_name}: {more} row(s) only in {one}")
        for table in (SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS):
            _register(base, table, ours, theirs)
            found += [f"{table.full_name}: {line}" for line in _compared(base, table)]
    return found


def _register(base: duckdb.DuckDBPyConnection, table: Table, ours: Path, theirs: Path) -> None:
    for name, place in (("ours", ours), ("theirs", theirs)):
        base.register(name, scanning.dataset(str(place), table))


def _count(base: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(base.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _compared(base: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    lines = []
    counts = [_count(base, f"SELECT 1 FROM {name}") for name in ("ours", "theirs")]
    both = f"FROM ours JOIN theirs USING ({', '.join(table.key)})"
    if len({*counts, _count(base, f"SELECT 1 {both}")}) > 1:
        lines.append(f"{counts[0]} and {counts[1]} rows of different keys")
    for column in table.columns:
        if column.name in table.key or column.name in _OWN:
            continue
        mine, other = f"ours.{column.name}", f"theirs.{column.name}"
        near = f"abs({mine} - {other}) <= {_TOLERANCE} * greatest(1, abs({mine}))"
        same = (
            f"coalesce({near}, {mine} IS NULL AND {other} IS NULL)"
            if column.type == "double"
            else (f"{mine} IS NOT DISTINCT FROM {other}")
        )
        if differing := _count(base, f"SELECT 1 {both} WHERE NOT ({same})"):
            lines.append(f"{column.name} differs in {differing} row(s)")
    return lines
