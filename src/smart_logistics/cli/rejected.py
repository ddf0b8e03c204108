"""`logistics rejected`: the dead letter listed, shown, sent again, discarded. Without a JVM, and without a stack."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from smart_logistics.cli.query import Format
from smart_logistics.contracts.bronze import EXTRACTED, IOT_TELEMETRY
from smart_logistics.contracts.rules import OPEN, Reason, Reprocessing
from smart_logistics.errors import ConfigurationError

if TYPE_CHECKING:
    from smart_logistics.deadletters.desk import Desk
    from smart_logistics.deadletters.letters import Wanted

# The declarations name the members; mypy wants to see them written here.
TableName = StrEnum("TableName", [(n, n) for n in (IOT_TELEMETRY.name, *EXTRACTED)])  # type: ignore[misc]
ReasonName = StrEnum("ReasonName", [(one.name, one.name) for one in Reason])  # type: ignore[misc]
StatusName = StrEnum("StatusName", [(n, n) for n in ("open", *(s.value for s in Reprocessing), "all")])  # type: ignore[misc]


class Layer(StrEnum):
    """Where a record was rejected."""

    BRONZE = "bronze"
    SILVER = "silver"


commands = typer.Typer(no_args_is_help=True, help="Work the dead letter: list, show, reprocess, discard.")

IDS = typer.Argument(None, metavar="[RECORD_ID]...", help="Letters, by the beginning of their ids.")
ID = typer.Argument(metavar="RECORD_ID", help="The letter, by the beginning of its id.")
TABLE = typer.Option(None, "--table", help="Letters of this source table.")
REASON = typer.Option(None, "--reason", help="Letters with this reason.")
LAYER = typer.Option(None, "--layer", help="Where they were rejected.")
FILE = typer.Option(None, "--file", metavar="NAME", help="Letters of this file.")
RUN = typer.Option(None, "--run", metavar="RUN_ID", help="Letters of this run.")
SINCE = typer.Option(
    None, "--since", metavar="WHEN", help="Rejected then or later: 2026-11-24[T10:00:00], UTC, or 36h, 7d."
)
UNTIL = typer.Option(None, "--until", metavar="WHEN", help="Rejected before.")
TEXT = typer.Option(None, "--text", help="Letters whose detail holds this text, in either case.")
DRY_RUN = typer.Option(False, "--dry-run", help="Only say what would become of each.")
YES = typer.Option(False, "--yes", "-y", help="Do not ask.")
ALL = typer.Option(False, "--all", help="Every open letter: needed where neither ids nor filters are given.")
AUTHOR = typer.Option(None, "--author", help="Kept in the letter's detail.  [default: your login]")
WAIT = typer.Option(60.0, "--wait", metavar="SECONDS", min=0, help="How long to wait for a running job.")


def register(app: typer.Typer) -> None:
    """Add the commands to the console script."""
    app.add_typer(commands, name="rejected")


@commands.command("list")
def list_(
    table: TableName | None = TABLE,
    reason: ReasonName | None = REASON,
    layer: Layer | None = LAYER,
    status: list[StatusName] = typer.Option(["open"], "--status", help="May be repeated; open = PENDING and REVIEWED."),
    file: str | None = FILE,
    run: str | None = RUN,
    since: str | None = SINCE,
    until: str | None = UNTIL,
    text: str | None = TEXT,
    limit: int = typer.Option(50, "--limit", min=1, help="At most so many, the newest first."),
    format_: Format = typer.Option(Format.TABLE, "--format", help="json and csv hold every column."),
) -> None:
    """List letters, by default the open ones."""
    from smart_logistics import settings
    from smart_logistics.cli import rejected_view
    from smart_logistics.deadletters import letters

    wanted = _wanted(table, reason, layer, file, run, since, until, text, statuses=_statuses(status))
    lakehouse = settings.load().lakehouse
    found = letters.read(lakehouse, wanted, ["record_id"])
    ids = tuple(found["record_id"].slice(0, limit).to_pylist())
    rejected_view.write_list(letters.of_ids(lakehouse, ids), len(found), format_.value)


@commands.command()
def show(
    record_id: str = ID,
    reviewed: bool = typer.Option(False, "--reviewed", help="Mark it REVIEWED: somebody has looked; it stays open."),
    author: str | None = AUTHOR,
) -> None:
    """Show everything about one letter, its payload with control characters spelt out."""
    from smart_logistics.cli import rejected_view
    from smart_logistics.deadletters import discard as discarding
    from smart_logistics.deadletters import letters

    desk = _desk(author, 0)
    ids = letters.resolve(desk.lakehouse, [record_id])
    if reviewed:
        discarding.review(desk, ids)
    rejected_view.write_one(letters.of_ids(desk.lakehouse, ids), desk)


@commands.command()
def reprocess(
    record_ids: list[str] = IDS,
    set_: list[str] = typer.Option([], "--set", metavar="FIELD=VALUE", help="Correct one letter; null is no value."),
    payload: str | None = typer.Option(
        None, "--payload", metavar="FILE", help="Correct one letter: a JSON object, `-` from stdin; a row's columns."
    ),
    table: TableName | None = TABLE,
    reason: ReasonName | None = REASON,
    layer: Layer | None = LAYER,
    file: str | None = FILE,
    run: str | None = RUN,
    since: str | None = SINCE,
    until: str | None = UNTIL,
    text: str | None = TEXT,
    every: bool = ALL,
    dry_run: bool = DRY_RUN,
    author: str | None = AUTHOR,
    wait: float = WAIT,
    format_: Format = typer.Option(Format.TABLE, "--format"),
) -> None:
    """Send records through the rules again, corrected or as they are, each exactly once.

    What would be rejected once more is not sent, and its reason is told. The rest is taken by the next run of the
    pipeline, which closes the letter as REPROCESSED. Exit 0 if nothing was still rejected, else 1.
    """
    from smart_logistics.cli import rejected_view
    from smart_logistics.deadletters.correction import Correction
    from smart_logistics.deadletters.desk import State
    from smart_logistics.deadletters.reprocess import reprocess as send_again

    desk = _desk(author, wait)
    ids = _chosen(desk, record_ids, _wanted(table, reason, layer, file, run, since, until, text), every=every)
    correction = Correction(None if payload is None else _read(payload), _pairs(set_))
    if correction and len(ids) != 1:
        raise ConfigurationError("a correction is for one letter", remedy="name it by its id")
    outcomes = send_again(desk, ids, correction, dry_run=dry_run)
    rejected_view.write_outcomes(outcomes, format_.value)
    raise typer.Exit(1 if any(one.state is State.REJECTED for one in outcomes) else 0)


@commands.command()
def discard(
    record_ids: list[str] = IDS,
    why: str = typer.Option(..., "--why", prompt="Why", help="Kept in the letter's detail."),
    table: TableName | None = TABLE,
    reason: ReasonName | None = REASON,
    layer: Layer | None = LAYER,
    file: str | None = FILE,
    run: str | None = RUN,
    since: str | None = SINCE,
    until: str | None = UNTIL,
    text: str | None = TEXT,
    every: bool = ALL,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    author: str | None = AUTHOR,
    wait: float = WAIT,
    format_: Format = typer.Option(Format.TABLE, "--format"),
) -> None:
    """Close letters that nobody will correct. They stay, with why and who in their detail."""
    from smart_logistics.cli import rejected_view
    from smart_logistics.deadletters.discard import discard as close

    if not why.strip():
        raise ConfigurationError("--why is blank", remedy="say why these records may be given up")
    desk = _desk(author, wait)
    ids = _chosen(desk, record_ids, _wanted(table, reason, layer, file, run, since, until, text), every=every)
    if not (yes or dry_run):
        _confirm(len(ids))
    rejected_view.write_outcomes(close(desk, ids, why.strip(), dry_run=dry_run), format_.value)


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError("nobody is there to be asked", remedy="see it with --dry-run, then give --yes")
    typer.confirm(f"Discard {count} letter{'' if count == 1 else 's'}?", abort=True, err=True)


def _desk(author: str | None, wait: float) -> Desk:
    from smart_logistics import settings
    from smart_logistics.deadletters.desk import Desk

    configured = settings.load()
    skew = timedelta(minutes=configured["MAX_CLOCK_SKEW_MINUTES"])
    return Desk(configured.lakehouse, configured.landing, author or getpass.getuser(), skew, wait)


def _chosen(desk: Desk, record_ids: list[str], wanted: Wanted, *, every: bool) -> tuple[str, ...]:
    """Return the ids that are named, or those of the open letters that the filters leave."""
    from smart_logistics.deadletters import letters

    no_filter = wanted == letters.Wanted()
    if record_ids:
        if not no_filter or every:
            raise ConfigurationError("ids and filters are given", remedy="give ids, or filters, or --all")
        return letters.resolve(desk.lakehouse, record_ids)
    if no_filter and not every:
        raise ConfigurationError("no letters are named", remedy="give ids, or filters, or --all")
    return tuple(letters.read(desk.lakehouse, wanted, ["record_id"])["record_id"].to_pylist())


def _wanted(
    table: str | None,
    reason: str | None,
    layer: str | None,
    file: str | None,
    run: str | None,
    since: str | None,
    until: str | None,
    text: str | None,
    *,
    statuses: tuple[str, ...] = OPEN,
) -> Wanted:
    from smart_logistics.deadletters.letters import Wanted

    table, reason, layer = (None if name is None else str(name) for name in (table, reason, layer))
    return Wanted((), table, reason, layer, statuses, file, run, _moment(since), _moment(until), text)


def _statuses(given: list[StatusName]) -> tuple[str, ...]:
    words = {"open": OPEN, "all": tuple(one.value for one in Reprocessing)}
    return tuple(dict.fromkeys(status for name in given for status in words.get(str(name), (str(name),))))


def _moment(text: str | None) -> datetime | None:
    """Read a day, an instant (UTC where it has no offset), or how long ago: ``90m``, ``36h``, ``7d``."""
    if text is None:
        return None
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    try:
        if text[-1:] in units and text[:-1].isascii() and text[:-1].isdigit():
            return datetime.now(UTC) - int(text[:-1]) * units[text[-1]]
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is no moment", remedy="write 2026-11-24, 2026-11-24T10:00:00 or 36h"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise ConfigurationError(f"--set {wrong[0]!r} is not FIELD=VALUE", remedy="write --set temperature=4.5")
    return {name: value for name, _, value in pairs}


def _read(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", remedy="check the name") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8", remedy="save it as UTF-8") from error
