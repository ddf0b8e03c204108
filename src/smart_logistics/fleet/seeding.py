"""Fill the source database and the landing folder with the sample fleet, wave by wave.

The rows of a wave, the DDL and the ledger's entry are one transaction: a seed that fails leaves nothing in the source.
The files wait under temporary names until it is committed. If they could not be delivered then, the ledger knows, and
the next seed delivers the rest. A wave that is there already is left alone, so that ``seed`` may be
repeated; another fleet in the same source is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql

from smart_logistics.contracts.source import BY_NAME, SCHEMA, SOURCE_TABLES
from smart_logistics.errors import ConfigurationError, EnvironmentFault, SourceUnavailable
from smart_logistics.fleet import ledger, schema
from smart_logistics.fleet.landing import Delivery
from smart_logistics.fleet.ledger import Ledger
from smart_logistics.fleet.manifest import Tally
from smart_logistics.fleet.masters import Row
from smart_logistics.fleet.plan import LAST_WAVE, PERIOD_DAYS, Plan, anchor_of
from smart_logistics.fleet.waves import Change, Chapter, Story

SEED, SCALE, DAYS = 42, 1, PERIOD_DAYS
CONNECT_SECONDS = 10
Progress = Callable[[int, int], None]
"""Called with how many blocks are done, and of how many."""


@dataclass(frozen=True)
class Wanted:
    """What the user asked for; None = what the source holds already, else the default."""

    seed: int | None = None
    scale: int | None = None
    days: int | None = None
    wave: int = 1


@dataclass(frozen=True)
class Seeded:
    """What was done: the fleet, rows and files written now (0 where the wave was there already), and the manifest."""

    plan: Plan
    rows: int
    files: int
    manifest: dict[str, Any]


def seed(
    dsn: str,
    landing: Path,
    wanted: Wanted,
    *,
    now: datetime,
    progress: Progress | None = None,
    deliver_again: bool = False,
) -> Seeded:
    """Write a wave of the fleet, unless it is there; ``now`` sets the anchor of wave 1.

    With ``deliver_again`` the files of earlier waves that are neither in the landing folder nor taken from it are
    written too: the landing folder is new, the source is not.

    Raises:
        ConfigurationError: the options do not fit each other or what the source holds.
        SourceUnavailable: the database does not answer.
        EnvironmentFault: the landing folder cannot be written, or the database grants too little.
        LockHeld: another seed is at work.
    """
    with _connected(dsn) as connection:
        ledger.lock(connection)
        held = ledger.read(connection)
        connection.commit()
        plan = _plan(held, wanted, anchor_of(now))
        told = held.wave if held else 0
        if wanted.wave > told + 1:
            raise ConfigurationError(
                f"wave {wanted.wave} continues wave {wanted.wave - 1}, which this source does not have yet",
                remedy=f"run `logistics seed --wave {wanted.wave - 1}` first, then the pipeline",
            )
        missing = range(1, told + 1) if deliver_again else held.undelivered if held else ()
        new = wanted.wave if wanted.wave > told else None
        writer = _Writer(connection, landing, plan, new, tuple(missing))
        return writer.write(Tally(plan, max(told, wanted.wave)), progress or (lambda done, total: None))


def _plan(held: Ledger | None, wanted: Wanted, anchor: datetime) -> Plan:
    """Return the fleet that is meant: the one in the source, or a new one."""
    if not 1 <= wanted.wave <= LAST_WAVE:
        raise ConfigurationError(f"--wave {wanted.wave} is not usable", remedy=f"choose 1 to {LAST_WAVE}")
    if held is None:
        given = (wanted.seed, wanted.scale, wanted.days)
        defaults = (SEED, SCALE, DAYS)
        seed, scale, days = (d if option is None else option for option, d in zip(given, defaults, strict=True))
        return Plan(seed, scale, days, anchor)
    plan = held.plan
    for name in ("seed", "scale", "days"):
        option, there = getattr(wanted, name), getattr(plan, name)
        if option is not None and option != there:
            raise ConfigurationError(
                f"this source holds the sample fleet of --seed {plan.seed} --scale {plan.scale} --days {plan.days}, "
                f"not of --{name} {option}",
                remedy=f"leave --{name} out, or begin anew with another LOGISTICS_HOME or LOGISTICS_SOURCE_DSN",
            )
    return plan


@dataclass
class _Writer:
    """A new wave on its way into the source, with its files and those that earlier waves still owe."""

    connection: Connection
    landing: Path
    plan: Plan
    new: int | None
    owed: tuple[int, ...]
    rows: int = 0

    def write(self, tally: Tally, progress: Progress) -> Seeded:
        total = self.plan.periods * self.plan.scale
        with Delivery(self.landing) as delivery:
            self._begin()
            known = delivery.names_delivered() if self.owed else set()
            for done, block in enumerate(self.plan.blocks(), start=1):
                story = Story(block)
                if self.new:
                    self._add(story.chapter(self.new))
                for file in (file for wave in self._waves() for file in story.chapter(wave).files):
                    if file.name not in known:
                        delivery.add(file)
                tally.add(story)
                progress(done, total)
            self._end()
            files = delivery.publish()
            for wave in self._waves():
                ledger.record_delivery(self.connection, wave)
            self.connection.commit()
        return Seeded(self.plan, self.rows, files, tally.manifest())

    def _waves(self) -> tuple[int, ...]:
        return (*self.owed, *((self.new,) if self.new else ()))

    def _begin(self) -> None:
        if self.new == 1:
            schema.create(self.connection)
            ledger.create(self.connection)

    def _end(self) -> None:
        if self.new == 1:
            schema.start_recording(self.connection)
        if self.new:
            ledger.record(self.connection, self.plan, self.new)
        self.connection.commit()

    def _add(self, chapter: Chapter) -> None:
        for table in SOURCE_TABLES:
            if found := chapter.rows.get(table.name):
                _copy(self.connection, table.name, found)
                self.rows += len(found)
        for change in chapter.changes:
            _update(self.connection, change)
            self.rows += 1


def _copy(connection: Connection, table: str, rows: list[Row]) -> None:
    columns = list(rows[0])
    statement = sql.SQL("COPY {}.{} ({}) FROM STDIN").format(
        sql.Identifier(SCHEMA), sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([row[name] for name in columns])


def _update(connection: Connection, change: Change) -> None:
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in change.values]
    statement = sql.SQL("UPDATE {}.{} SET {} WHERE {} = {}").format(
        sql.Identifier(SCHEMA),
        sql.Identifier(change.table),
        sql.SQL(", ").join(assignments),
        sql.Identifier(BY_NAME[change.table].key),
        sql.Placeholder(),
    )
    connection.execute(statement, (*change.values.values(), change.key))


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    """Give a connection; what the server refuses becomes an error of our family. Nothing uncommitted stays."""
    try:
        connection = psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS, application_name="logistics seed")
    except psycopg.ProgrammingError:
        # The message is not shown: it quotes the DSN, and with it the password.
        raise ConfigurationError(
            "LOGISTICS_SOURCE_DSN does not parse", remedy="set it to postgresql://user:password@host:port/database"
        ) from None
    except psycopg.OperationalError as error:
        raise _unavailable(error) from error
    try:
        yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise EnvironmentFault(
            f"the source grants too little: {_first_line(error)}",
            remedy="the user of `logistics seed` needs CREATE on the database",
        ) from error
    except psycopg.OperationalError as error:
        raise _unavailable(error) from error
    finally:
        connection.close()


def _unavailable(error: psycopg.OperationalError) -> SourceUnavailable:
    return SourceUnavailable(
        f"the source database does not answer: {_first_line(error)}",
        remedy="start it (`logistics up`), or check LOGISTICS_SOURCE_DSN",
    )


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
