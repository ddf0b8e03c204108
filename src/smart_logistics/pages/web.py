"""What every page is made of: templates, tables with their CSV, links that carry any text.

All that comes from data is text: templates escape it, links quote it, and a CSV's cell that a spreadsheet would take
for a formula is marked as text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, StreamingResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from smart_logistics.reports import words

PREFIX = "/logistics"
STATIC = Path(__file__).with_name("static")
Row = Mapping[str, Any]
_PLAIN = re.compile(r"[\w][\w .~-]*")
_NUMBERS = ("number", "whole", "celsius", "minutes", "duration", "percent", "coverage", "place", "bytes")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """A column of a table on a page: which key of a row, its heading, and how a value is shown.

    ``kind`` is one of text, number, whole, celsius, minutes, duration (minutes, to the second), percent, instant,
    severity, coverage (of a journey by readings), state, list, place, bytes, hash and typed (a person's words, what
    is invisible in them spelt out); ``link`` makes the address that a cell leads to. A row whose ``low`` is true has
    too few readings, which its severity and its coverage say.
    """

    name: str
    label: str
    kind: str = "text"
    link: Callable[[Row], str] | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is aligned by its digits."""
        return self.kind in _NUMBERS


@dataclass(frozen=True)
class Table:
    """A table: where a reader finds it (``key``, also of its CSV), what it is, what it says where it has no rows.

    ``csv`` is the address of the whole of it as CSV, ``sorts`` are those that sort it by a column, ``sorted`` is
    the column that it is sorted by; ``current`` says which row the page is about.
    """

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    empty: str = "None."
    csv: str = ""
    sorts: Mapping[str, str] = field(default_factory=dict)
    sorted: str = ""
    current: Callable[[Row], bool] | None = None


@dataclass(frozen=True)
class Chart:
    """A chart: the address of its Vega-Lite specification, and what it shows in words for those who do not see it.

    ``csv`` is what leads to all of its data, and where. What its specification says of its data as ``usermeta.said``
    stands below it, too.
    """

    key: str
    spec: str
    caption: str
    description: str
    csv: tuple[str, str] | None = None


def page(request: Request, template: str, **values: Any) -> HTMLResponse:
    """Return a page made of a template, which extends ``base.html``."""
    root = request.scope.get("root_path", "").removesuffix(PREFIX)
    text = (
        _templates()
        .get_template(template)
        .render(
            root=root,
            home=root + PREFIX,
            static=f"{root}{PREFIX}/static",
            mark=_mark(),
            now=datetime.now(UTC),
            **values,
        )
    )
    return HTMLResponse(text)


def link(request: Request, path: str, **query: Any) -> str:
    """Return the address of a page of ours; what is None or empty asks for nothing."""
    root = request.scope.get("root_path", "").removesuffix(PREFIX)
    given = {name: _as_query(value) for name, value in query.items() if value not in (None, "")}
    return f"{root}{PREFIX}/{path}" + (f"?{urlencode(given)}" if given else "")


def shipment_link(request: Request, shipment_id: str) -> str:
    """Return the address of a shipment's page, whatever characters its id has."""
    if _PLAIN.fullmatch(shipment_id):
        return link(request, f"shipments/{quote(shipment_id)}")
    return link(request, "shipments/", id=shipment_id)


def csv_of(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingResponse:
    """Return rows as a CSV to download, row by row: times in ISO 8601 UTC, null an empty cell."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_lines(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)


def csv_of_table(table: Table) -> StreamingResponse:
    """Return a table of a page as a CSV to download."""
    names = [column.name for column in table.columns]
    return csv_of(table.key, names, ([row[name] for name in names] for row in table.rows))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([_csv_cell(value) for value in row])
        if number % 1000 == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _csv_cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case list() | tuple():
            return _csv_cell(" ".join(str(one) for one in value))
        case str() if value.startswith(_FORMULA):
            return "'" + value
        case _:
            return value


def _as_query(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("smart_logistics.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"minutes": _minutes, "duration": _duration, "ago": ago, "size": _bytes, "spelt": words.text}
    return found


@cache
def _mark() -> str:
    """Return what changes when a static file does, so that browsers may keep them for ever."""
    whole = sha256()
    for path in sorted(STATIC.iterdir()):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def _minutes(value: float) -> str:
    hours, minutes = divmod(round(value), 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)[:20] or "0 min"


def _duration(value: float) -> str:
    return f"{value * 60:.0f} s" if value < 2 else _minutes(value)


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago that was, in words."""
    passed = (now - moment).total_seconds() / 60
    return "just now" if passed < 1 else f"{_minutes(passed)} ago"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
