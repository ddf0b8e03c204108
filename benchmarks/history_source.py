"""The source database of a lakehouse with history: the rows that Bronze holds, and the changes of an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from tests.spark.bronze.source import DDL

from benchmarks.history_lake import numbers_of
from smart_logistics.contracts import bronze
from smart_logistics.contracts.source import SCHEMA, SOURCE_TABLES
from smart_logistics.lake import scanning


def fill(dsn: str, root: Path) -> None:
    """Make the source's tables and write into each what its Bronze table holds: one version of each row."""
    with _connected(dsn) as connection:
        for ddl in (f"CREATE SCHEMA {SCHEMA}", *DDL.split(";\n")[:-1]):
            connection.execute(ddl.encode())
        for table in SOURCE_TABLES:
            names = list(table.column_names)
            found = scanning.dataset(str(root), bronze.EXTRACTED[table.name])
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
            with connection.cursor().copy(statement) as copy:
                for row in found.to_table(columns=names).to_pylist():
                    copy.write_row([row[name] for name in names])
    with _connected(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")


def change(dsn: str, now: datetime) -> None:
    """Let an hour pass for the 50 shipments of the last day: an event, a new status and the end of a journey for each.

    It may pass again and again: each time the same rows are new.
    """
    numbers, at = numbers_of(-1), now + timedelta(minutes=59)
    shipments = [f"S{n:07}" for n in numbers]
    with _connected(dsn) as connection:
        connection.execute("DELETE FROM shipment_status_events WHERE event_id %% 10 = 5 AND changed_at = %s", (at,))
        connection.execute(
            "UPDATE shipments SET status = 'Delivered', updated_at = %s WHERE shipment_id = ANY(%s)", (at, shipments)
        )
        connection.execute(
            "UPDATE truck_assignments SET assignment_end_time = %s, status = 'COMPLETED', updated_at = %s"
            " WHERE assignment_id = ANY(%s)",
            (at, at, list(numbers)),
        )
        connection.cursor().executemany(
            "INSERT INTO shipment_status_events (event_id, shipment_id, status, changed_at)"
            " VALUES (%s, %s, 'Delivered', %s)",
            [(n * 10 + 5, f"S{n:07}", at) for n in numbers],
        )


def _connected(dsn: str, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, options=f"-c search_path={SCHEMA}", **options)
