"""A report as one page of HTML that needs nothing from elsewhere and runs nothing."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from smart_logistics.reports import chart
from smart_logistics.reports.document import Chart, Document

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(document: Document) -> bytes:
    """Return the page as UTF-8."""
    page = _TEMPLATES.get_template("report.html.j2").render(
        document=document, kind=lambda part: type(part).__name__, picture=_picture
    )
    return page.encode()


def _picture(part: Chart) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(chart.svg(part.specification)).decode()
