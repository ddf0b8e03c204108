"""Rows as text: a table for people, JSON and CSV for programs.

In JSON and CSV times are ISO 8601 in UTC (``2026-11-24T10:00:00Z``). In JSON decimals are numbers: exact where they are
whole, else the nearest double, which keeps 15 digits; NaN and infinities, for which JSON has no number, are strings.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TextIO

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wide enough that no cell is cut where nobody looks at a terminal.
_UNLIMITED = 100_000


def plain(value: Any) -> Any:
    """Return a cell's value as JSON knows it."""
    match value:
        case datetime():
            at = value.astimezone(UTC) if value.tzinfo else value
            return at.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() if not math.isfinite(value):
            return str(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def write_json(answer: pa.Table, out: TextIO) -> None:
    """Write a list of objects. A column name that repeats gets a number, so that no column is lost."""
    names = _unique(answer.column_names)
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in _rows(answer)]
    json.dump(rows, out, ensure_ascii=False, indent=2)
    out.write("\n")


def write_csv(answer: pa.Table, out: TextIO) -> None:
    """Write a header and one line for each row; null is an empty field, a list or struct is JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.column_names)
    writer.writerows([_text(cell) if cell is not None else "" for cell in row] for row in _rows(answer))


def write_table(answer: pa.Table, out: TextIO) -> None:
    """Write a table and, on stderr, how many rows it has."""
    types = [field.type for field in answer.schema]
    grid = Table(header_style="bold")
    for name, type_ in zip(answer.column_names, types, strict=True):
        number = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
        grid.add_column(Text(visible(name)), justify="right" if number else "left", overflow="fold")
    for row in _rows(answer):
        grid.add_row(*(Text("null", style="dim") if c is None else Text(visible(_text(c))) for c in row))
    console(out).print(grid)
    Console(stderr=True).print(f"{answer.num_rows} row{'' if answer.num_rows == 1 else 's'}", style="dim")


def console(out: TextIO) -> Console:
    """Return a console on ``out`` that cuts nothing where ``out`` is not a terminal."""
    return Console(file=out, highlight=False, width=None if out.isatty() else _UNLIMITED)


def visible(text: str) -> str:
    """Return ``text`` with control characters spelt out: data must not steer the terminal that shows it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


WRITERS: dict[str, Callable[[pa.Table, TextIO], None]] = {"table": write_table, "json": write_json, "csv": write_csv}


def _rows(answer: pa.Table) -> list[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in answer.columns]
    return list(zip(*columns, strict=True)) if columns else []


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result
