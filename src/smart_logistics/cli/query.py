"""`logistics query`: SQL over the lakehouse, as a table, JSON or CSV."""

from __future__ import annotations

import sys
from enum import StrEnum

import typer


class Format(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command()(query)


def query(
    sql: str = typer.Argument(help="One SELECT over bronze.x, silver.x, gold.x and ops.x; `-` reads it from stdin."),
    format_: Format = typer.Option(Format.TABLE, "--format", help="json: a list of objects, times in ISO 8601, UTC."),
) -> None:
    """Answer SQL over the lakehouse's tables, without a JVM."""
    from smart_logistics import settings
    from smart_logistics.cli import rendering
    from smart_logistics.lake import sql as lake_sql

    answer = lake_sql.query(settings.load().lakehouse, sys.stdin.read() if sql == "-" else sql)
    rendering.WRITERS[format_.value](answer, sys.stdout)
