"""What a source database holds of the sample fleet already. The ledger lies beside the contract's schema, not in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from smart_logistics.contracts.source import SCHEMA
from smart_logistics.errors import ConfigurationError, LockHeld
from smart_logistics.fleet import schema
from smart_logistics.fleet.plan import Plan

# Any number that nobody else uses.
_LOCK = 0x5EED_F1EE7
_PATIENCE = "5s"
_CREATE = """
CREATE SCHEMA IF NOT EXISTS logistics_sample;
CREATE TABLE IF NOT EXISTS logistics_sample.waves (
    wave integer PRIMARY KEY,
    seed bigint NOT NULL,
    scale integer NOT NULL,
    days integer NOT NULL,
    anchor timestamptz NOT NULL,
    files_delivered boolean NOT NULL DEFAULT false,
    told_at timestamptz NOT NULL DEFAULT now()
);
TRUNCATE logistics_sample.waves;
"""


@dataclass(frozen=True)
class Ledger:
    """The fleet that was seeded, the last wave told, and the waves whose files have not all been delivered."""

    plan: Plan
    wave: int
    undelivered: tuple[int, ...]


def lock(connection: Connection) -> None:
    """Keep other seeds out until this session ends.

    A session that has just ended holds its lock for a moment longer, so the lock is waited for a little.

    Raises:
        LockHeld: another seed is at work.
    """
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (_PATIENCE,))
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    except LockNotAvailable:
        raise LockHeld("another `logistics seed` fills this database now", remedy="wait until it is done") from None


def read(connection: Connection) -> Ledger | None:
    """Return what was seeded; None where nothing was.

    Raises:
        ConfigurationError: the source has tables that no seed made.
    """
    tables = schema.existing_tables(connection)
    known = connection.execute("SELECT to_regclass(%s)", ("logistics_sample.waves",)).fetchone() != (None,)
    rows = (
        connection.execute(
            "SELECT wave, seed, scale, days, anchor, files_delivered FROM logistics_sample.waves ORDER BY wave"
        ).fetchall()
        if known
        else []
    )
    # Somebody who drops the schema to begin anew leaves the ledger behind: without tables it says nothing.
    if not tables:
        return None
    if not rows:
        raise ConfigurationError(
            f"the source already has tables in schema {SCHEMA} that `logistics seed` did not make: {', '.join(tables)}",
            remedy="sample data is never mixed into others: set LOGISTICS_SOURCE_DSN to another database",
        )
    _, seed, scale, days, anchor, _ = rows[0]
    # In the session's time zone, which may be any: file names are made of it.
    return Ledger(
        Plan(seed, scale, days, anchor.astimezone(UTC)), rows[-1][0], tuple(row[0] for row in rows if not row[-1])
    )


def create(connection: Connection) -> None:
    """Make an empty ledger."""
    connection.execute(_CREATE)


def record(connection: Connection, plan: Plan, wave: int) -> None:
    """Note that the rows of ``wave`` are in the same transaction."""
    connection.execute(
        "INSERT INTO logistics_sample.waves (wave, seed, scale, days, anchor) VALUES (%s, %s, %s, %s, %s)",
        (wave, plan.seed, plan.scale, plan.days, plan.anchor),
    )


def record_delivery(connection: Connection, wave: int) -> None:
    """Note that the files of ``wave`` are in the landing folder."""
    connection.execute("UPDATE logistics_sample.waves SET files_delivered = true WHERE wave = %s", (wave,))
