"""`logistics disposition`: decisions about excursions, written down and listed; `logistics verify`: their chain."""

from __future__ import annotations

import getpass
import json
import sys
import uuid
from enum import StrEnum

import typer

from smart_logistics.cli.query import Format
from smart_logistics.contracts.dispositions import Decision, Via

# The declaration names the members; mypy wants to see them written here.
DecisionName = StrEnum("DecisionName", [(one.name, one.value) for one in Decision])  # type: ignore[misc]

commands = typer.Typer(no_args_is_help=True, help="Decide about excursions: add, list.")
BROKEN = 1


def register(app: typer.Typer) -> None:
    """Add the commands to the console script."""
    app.add_typer(commands, name="disposition")
    app.command()(verify)


@commands.command()
def add(
    shipment: str = typer.Argument(metavar="SHIPMENT", help="The shipment's id."),
    excursion_no: int = typer.Argument(metavar="EXCURSION_NO", help="As in gold.temperature_excursions."),
    decision: DecisionName = typer.Option(..., "--decision", help="What is to become of the goods."),
    reason: str = typer.Option(..., "--reason", prompt="Reason", help="Stays with the decision."),
    key: str | None = typer.Option(
        None, "--key", help="Makes it one request however often it is sent.  [default: a new one]"
    ),
) -> None:
    """Write down a decision about an excursion, for good; the author is the user of this machine."""
    from smart_logistics import settings
    from smart_logistics.cli.rendering import visible
    from smart_logistics.dispositions import book

    request = book.Request(
        key=key or str(uuid.uuid4()),
        shipment_id=shipment,
        excursion_no=excursion_no,
        decision=Decision(str(decision)),
        reason=reason,
        author=getpass.getuser(),
        via=Via.COMMAND_LINE,
    )
    written = book.decide(settings.load().lakehouse, request)
    entry = written.entry
    print(f"{'entry' if written.is_new else 'is there already: entry'} {entry['entry_no']}:{entry['entry_hash']}")
    print(f"{visible(entry['shipment_id'])}, excursion {entry['excursion_no']}: {entry['decision']}", file=sys.stderr)


@commands.command("list")
def list_(
    shipment: str | None = typer.Argument(None, metavar="[SHIPMENT]", help="Only those of this shipment."),
    format_: Format = typer.Option(Format.TABLE, "--format", help="json and csv hold every column."),
) -> None:
    """List decisions in the order in which they were written down."""
    import pyarrow as pa

    from smart_logistics import settings
    from smart_logistics.cli import rendering
    from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
    from smart_logistics.dispositions import book
    from smart_logistics.lake import tables

    found = book.entries(settings.load().lakehouse, shipment_id=shipment)
    rows = pa.Table.from_pylist(found, schema=tables.arrow_schema(EXCURSION_DISPOSITIONS))
    if format_ is Format.TABLE:
        shown = ["entry_no", "decided_at", "author", "shipment_id", "excursion_no", "severity", "peak_temperature"]
        rows = rows.select([*shown, "decision", "reason"])
    rendering.WRITERS[format_.value](rows, sys.stdout)


def verify(
    expect: str | None = typer.Option(
        None, "--expect", metavar="NUMBER:HASH", help="An entry as an earlier check or a report printed it."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Check the chain of dispositions: 0 if it holds, else 1 with the first entry that is not what was written."""
    from smart_logistics import settings
    from smart_logistics.dispositions import book
    from smart_logistics.dispositions.chain import Anchor

    verdict = book.verify(settings.load().lakehouse, expected=None if expect is None else Anchor.parse(expect))
    broken = verdict.broken
    if as_json:
        told = {"holds": verdict.holds, "entries": verdict.entries, "head": verdict.head}
        print(json.dumps(told | ({} if broken is None else {"broken_entry": broken.entry_no, "why": broken.why})))
    elif broken is not None:
        print(f"the chain of dispositions is broken: entry {broken.entry_no} {broken.why}", file=sys.stderr)
    elif verdict.entries:
        count = f"{verdict.entries} entr{'y' if verdict.entries == 1 else 'ies'}"
        print(f"the chain of dispositions holds: {count}, the last {verdict.entries}:{verdict.head}")
    else:
        print("there are no dispositions")
    raise typer.Exit(0 if verdict.holds else BROKEN)
