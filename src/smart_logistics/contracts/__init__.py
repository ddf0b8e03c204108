"""What each table is. One declaration; DDL, validation, checks and the data-model page derive from it."""

from __future__ import annotations

from smart_logistics.contracts import bronze, dispositions, gold, ops, silver
from smart_logistics.contracts.model import Table

ALL_TABLES: tuple[Table, ...] = (*bronze.TABLES, *silver.TABLES, *gold.TABLES, *dispositions.TABLES, *ops.TABLES)
BY_FULL_NAME: dict[str, Table] = {table.full_name: table for table in ALL_TABLES}
