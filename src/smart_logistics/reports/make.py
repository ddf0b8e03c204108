"""The report of one shipment from one moment of the lakehouse, as a page or on paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import version

import pyarrow as pa
import pyarrow.compute as pc

from smart_logistics.contracts.dispositions import APP, EXCURSION_DISPOSITIONS
from smart_logistics.contracts.silver import BY_SOURCE
from smart_logistics.dispositions import chain
from smart_logistics.dispositions.chain import Verdict
from smart_logistics.errors import ConfigurationError
from smart_logistics.reports import decisions, moment, page, paper, record
from smart_logistics.reports.document import Code, Document, Facts, Section, Text
from smart_logistics.reports.moment import ABSENT, Moment
from smart_logistics.reports.words import Clock, text
from smart_logistics.views import shipment as view
from smart_logistics.views.assessment import Assessment
from smart_logistics.views.shipment import Shipment
from smart_logistics.views.snapshot import Row

PURPOSE = (
    "This report supports the temperature records that EU Good Distribution Practice (2013/C 343/01) and USP <1079> "
    "ask for. It shows what was recorded, and replaces neither the product's own limits nor the decision of a "
    "responsible person."
)


class Format(StrEnum):
    """What a report is made as."""

    HTML = "html"
    PDF = "pdf"


class NoSuchShipment(ConfigurationError):
    """Gold has no shipment of this id."""


@dataclass(frozen=True)
class Report:
    """A report as bytes; ``checksum`` is that of what it says, ``sha256`` that of the bytes."""

    content: bytes
    format: Format
    checksum: str
    versions: Mapping[str, int]

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes."""
        return sha256(self.content).hexdigest()


def report(
    lakehouse: str, shipment_id: str, format_: Format, *, at: Mapping[str, int] | None = None, zone: str = "UTC"
) -> Report:
    """Make the report of a shipment as of now, or of named versions of the tables; then the same, byte for byte.

    Raises:
        NoSuchShipment: Gold has, or had, none of this id.
        VersionGone: a version is not there any more.
        ConfigurationError: there is no such time zone.
    """
    snapshot = Moment(lakehouse, at)
    try:
        made = document(snapshot, shipment_id, Clock(zone))
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        if at is None:
            raise
        raise moment.gone(f"files of a version are gone: {' '.join(str(error).split())[:200]}") from error
    drawn = page.render(made) if format_ is Format.HTML else paper.render(made)
    return Report(drawn, format_, made.checksum, snapshot.versions)


def file_name(shipment_id: str, format_: Format) -> str:
    """Return a name for a report's file: nothing of an id can leave the folder or hide."""
    return f"shipment-{re.sub(r'[^A-Za-z0-9_-]', '_', shipment_id)[:60]}.{format_.value}"


def document(snapshot: Moment, shipment_id: str, clock: Clock) -> Document:
    """Return what the report of a shipment says."""
    found = view.shipment(snapshot, shipment_id)
    if found is None:
        raise NoSuchShipment(f"there is no shipment {shipment_id!r}", remedy="see gold.shipment_analytics")
    entries, verdict = _decisions(snapshot, shipment_id)
    customer = _customer(snapshot, found.row["customer_id"])
    sections = (
        record.identity(found, customer, clock),
        record.limits(found),
        record.summary(found, clock),
        decisions.excursions(found, entries, clock),
        decisions.dispositions(found, entries, verdict, clock),
        record.kinetic(found),
        record.quality(found, clock),
        Section("What to check", tuple(Text(step) for step in found.what_to_check)),
        _provenance(snapshot, shipment_id, clock),
    )
    as_of: datetime = max([found.row["updated_at"], *(entry["decided_at"] for entry in entries)])
    subtitle = f"As of {clock.at(as_of)}, when the newest fact in it was written"
    return Document(f"Temperature record of shipment {text(shipment_id)}", subtitle, _verdict(found), as_of, sections)


def _verdict(found: Shipment) -> str:
    said = found.assessment
    severity = f": {text(found.row['alert_severity'])}" if said is Assessment.OUTSIDE else ""
    return f"{said.value}{severity}"


def _decisions(snapshot: Moment, shipment_id: str) -> tuple[list[Row], Verdict]:
    """Return the entries about a shipment, and what the check of the whole chain says as of this moment."""
    every = snapshot.dicts(EXCURSION_DISPOSITIONS, EXCURSION_DISPOSITIONS.column_names)
    opened = snapshot.delta(EXCURSION_DISPOSITIONS)
    verdict = chain.verify(every, written=0 if opened is None else opened.transaction_version(APP) or 0)
    mine = [entry for entry in every if entry["shipment_id"] == shipment_id]
    return sorted(mine, key=lambda entry: (entry["entry_no"], entry["entry_hash"])), verdict


def _customer(snapshot: Moment, customer_id: int | None) -> str | None:
    if customer_id is None:
        return None
    found = snapshot.dicts(BY_SOURCE["customers"], ("name",), pc.field("customer_id") == customer_id)
    name: str | None = found[0]["name"] if found else None
    return name


def _provenance(snapshot: Moment, shipment_id: str, clock: Clock) -> Section:
    """Return which tables this was made of, in which versions, and how it is made again."""
    versions = snapshot.versions
    told = tuple((name, "not there" if found == ABSENT else f"version {found}") for name, found in versions.items())
    zone = "" if clock.zone == "UTC" else f" --zone {clock.zone}"
    return Section(
        "Where this comes from",
        (
            Facts((*told, ("Made by", f"smart-logistics {version('smart-logistics')}"))),
            Text("The same release makes the same bytes from the same versions, while they are kept:"),
            Code(f"logistics report {_quoted(shipment_id)}{zone} --at {moment.written(versions)}"),
            Text(PURPOSE),
        ),
    )


def _quoted(shipment_id: str) -> str:
    shown = text(shipment_id)
    return shown if re.fullmatch(r"[\w.-]+", shown) else "'" + shown.replace("'", "'\\''") + "'"
