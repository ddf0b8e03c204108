"""`logistics report SHIPMENT`: its record as a page or on paper, the same from the same versions of the tables."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import typer

from smart_logistics.errors import ConfigurationError


class FormatName(StrEnum):
    """How a report is made; the report's own names, without loading what makes it."""

    HTML = "html"
    PDF = "pdf"


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command()(report)


def report(
    shipment: str = typer.Argument(metavar="SHIPMENT", help="The shipment's id."),
    format_: FormatName = typer.Option(FormatName.HTML, "--format", help="A page, or paper."),
    out: str | None = typer.Option(
        None, "--out", metavar="FILE", help="Where to; `-` is stdout.  [default: a name of its own]"
    ),
    at: str | None = typer.Option(
        None, "--at", metavar="VERSIONS", help="As of these versions of the tables: the line at the end of a report."
    ),
    zone: str = typer.Option("UTC", "--zone", help="Time zone in which times are given beside UTC, as Asia/Kolkata."),
) -> None:
    """Make the report of one shipment: identity, limits, record, excursions, decisions, data quality, versions."""
    from smart_logistics import settings
    from smart_logistics.reports import make, moment

    versions = None if at is None else moment.parse(at)
    kind = make.Format(format_.value)
    made = make.report(settings.load().lakehouse, shipment, kind, at=versions, zone=zone)
    if out == "-":
        sys.stdout.buffer.write(made.content)
        return
    path = Path(out or make.file_name(shipment, kind))
    try:
        path.write_bytes(made.content)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}", remedy="give another --out") from error
    print(f"{path}\nsha256 of the file: {made.sha256}\nchecksum of the content: {made.checksum}")
