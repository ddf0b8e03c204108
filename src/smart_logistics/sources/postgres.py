"""The one connection that holds the snapshot while an extraction lasts, and what it asks the server about tables."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg import errors as pg

from smart_logistics.contracts.source import SCHEMA, SourceTable
from smart_logistics.errors import LogisticsError, SourceContractBroken, SourceUnavailable
from smart_logistics.sources.columns import SourceColumn, fingerprint, literal, quoted
from smart_logistics.sources.dsn import SourceAddress
from smart_logistics.sources.fence import Snapshot, lsn_number

OLDEST_SERVER = 140000
_LOCK_SECONDS = 30
# From this version on a server may end transactions by their age.
_TRANSACTION_TIMEOUT_SINCE = 170000
_SETTLE_POLL_SECONDS = 0.05
# Texts of values must not depend on who connects, or a row would look changed.
SETTINGS = (
    "SET LOCAL row_security = off",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'",
    # A connection waits while another one, or Spark, is at work: that is no idling to be ended.
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
_SNAPSHOT = """
SELECT pg_export_snapshot(), pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
       (SELECT system_identifier::text FROM pg_control_system())
         || '/' || (SELECT oid::text FROM pg_database WHERE datname = current_database()),
       left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_current_wal_lsn()::text,
       pg_current_wal_insert_lsn()::text, current_setting('wal_writer_delay')::interval
FROM pg_current_snapshot() s
"""
# With a view the tables below it are locked.
_LOCKABLE = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'v')
"""
# A table with partitions or heirs is what these are: its rows come with the xmin and place that they have there.
_RELATIONS = """
WITH RECURSIVE wanted AS (
  SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = %s AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), member(root, oid) AS (
  SELECT oid, oid FROM wanted
  UNION SELECT m.root, i.inhrelid FROM member m JOIN pg_inherits i ON i.inhparent = m.oid
)
SELECT w.relname, w.oid::bigint, bool_and(c.relkind = 'p' OR c.relkind = 'r' AND coalesce(a.amname = 'heap', false)),
       sum(pg_table_size(c.oid))::bigint, sum(pg_relation_size(c.oid))::bigint, max(pg_relation_size(c.oid)),
       sum(greatest(c.reltuples, 0))::bigint, current_setting('block_size')::bigint,
       string_agg(c.oid::text, ' ' ORDER BY c.oid)
FROM wanted w JOIN member m ON m.root = w.oid JOIN pg_class c ON c.oid = m.oid LEFT JOIN pg_am a ON a.oid = c.relam
GROUP BY w.relname, w.oid
"""
_COLUMNS = """
WITH RECURSIVE base(start, oid) AS (
  SELECT oid, oid FROM pg_type
  UNION ALL SELECT b.start, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attrelid::bigint, a.attname, t.typname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'e' THEN coalesce(
         (SELECT json_agg(e.enumlabel ORDER BY e.oid)::text FROM pg_enum e WHERE e.enumtypid = t.oid), '[]') END,
       CASE WHEN a.attgenerated = 'v' THEN pg_get_expr(d.adbin, d.adrelid) END, a.attnum
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN base b ON b.start = a.atttypid JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True)
class Relation:
    """A source table as it is: whether its rows carry a usable ``xmin``, its size, its columns.

    ``largest_bytes`` is the heap of its largest partition, ``members`` names them all; of a table without partitions,
    itself.
    """

    name: str
    oid: int
    is_plain: bool
    total_bytes: int
    heap_bytes: int
    largest_bytes: int
    estimated_rows: int
    block_bytes: int
    members: str
    columns: tuple[SourceColumn, ...] = ()

    @property
    def sql(self) -> str:
        """The quoted name with its schema."""
        return f"{quoted(SCHEMA)}.{quoted(self.name)}"

    @property
    def fingerprint(self) -> str:
        """Digest of the columns and partitions: one that is attached brings old rows along."""
        return fingerprint(self.columns, self.members)


@dataclass(frozen=True)
class Extent:
    """How many rows a predicate takes, how many of them have no key, and between which keys they lie."""

    rows: int
    keyless: int
    low: Any
    high: Any


def select(columns: str, relation: Relation, predicate: str) -> str:
    """Return a query. Identifiers come quoted and everything else is ours: nothing of a row is ever put into SQL."""
    return " ".join(("SELECT", columns, "FROM", relation.sql, "WHERE", predicate))


def _of_server(error: psycopg.Error, address: SourceAddress) -> LogisticsError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    for secret in address.secrets.values():
        first = first.replace(secret, "***")
    if isinstance(error, pg.InsufficientPrivilege | pg.UndefinedTable | pg.UndefinedColumn):
        return SourceContractBroken(
            f"the source {address} refuses a read: {first}",
            remedy=f"grant SELECT on whole tables of the schema {SCHEMA}, without row level security, to its user",
        )
    if "authentication failed" in first:
        remedy = "check user and password in LOGISTICS_SOURCE_DSN"
    else:
        remedy = "check that the server runs and LOGISTICS_SOURCE_DSN names it; the retry continues from where it was"
    return SourceUnavailable(f"the source database {address} does not answer: {first}", remedy=remedy)


@contextmanager
def _translated(address: SourceAddress) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _of_server(error, address) from None


class SnapshotConnection:
    """An open read-only transaction whose snapshot other connections import. One question at a time."""

    def __init__(
        self, connection: psycopg.Connection[Any], address: SourceAddress, tables: Sequence[SourceTable]
    ) -> None:
        self.address = address
        self._connection = connection
        self.snapshot = self._begin([table.name for table in tables])

    def _begin(self, names: list[str]) -> Snapshot:
        version = self._connection.info.server_version
        if version < OLDEST_SERVER:
            raise SourceContractBroken(
                f"the source runs PostgreSQL {version // 10000}", remedy=f"use {OLDEST_SERVER // 10000} or newer"
            )
        if self._ask("SELECT pg_is_in_recovery()")[0][0]:
            raise SourceUnavailable(
                f"the source {self.address} is a standby, whose snapshots cannot be compared with its primary's",
                remedy="name the primary in LOGISTICS_SOURCE_DSN",
            )
        lockable = [row[0] for row in self._ask(_LOCKABLE, (SCHEMA, names))]
        self._ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for setting in self._settings():
            self._ask(setting)
        for name in lockable:
            # Before the snapshot, so that no table is altered between what the catalogue says and the read.
            self._ask(f"LOCK TABLE {quoted(SCHEMA)}.{quoted(name)} IN ACCESS SHARE MODE")
        name, xmin, xmax, system, timeline, lsn, self._log_end, delay = self._ask(_SNAPSHOT)[0]
        # The server promises that what ended is on its disk after three times this.
        self._durable_at = time.monotonic() + 3 * delay.total_seconds()
        return Snapshot(name, system, timeline, lsn_number(lsn), xmin, xmax)

    def _settings(self) -> tuple[str, ...]:
        """Return what holds in every transaction that reads, whatever the server or the user's role say."""
        seconds = self.address.timeouts.query_seconds
        is_timed = self._connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE
        no_age = ("SET LOCAL transaction_timeout = 0",) if is_timed else ()
        return (*SETTINGS, f"SET LOCAL statement_timeout = '{seconds}s'", *no_age)

    def settle(self) -> None:
        """Wait until the server cannot forget what the snapshot saw, also when it crashes: seldom, and not for long.

        The end of a transaction is on disk only a moment later where it was rolled back or committed asynchronously.
        Lost in a crash, its number is given to another one, whose rows would then lie before our fence.
        """
        while time.monotonic() < self._durable_at:
            if self._ask("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", (self._log_end,))[0][0]:
                return
            time.sleep(_SETTLE_POLL_SECONDS)

    def _ask(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with _translated(self.address), self._watched(), self._connection.cursor() as cursor:
            cursor.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Cut the connection when the server is silent for too long: a stopped one keeps no timeout of its own."""
        timeouts = self.address.timeouts
        seconds = timeouts.query_seconds + timeouts.connect_seconds
        twin = socket.socket(fileno=os.dup(self._connection.fileno()))

        def cut() -> None:
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            twin.close()

    def relations(self, tables: Sequence[SourceTable]) -> dict[str, Relation]:
        """Return the tables that are there, with their columns, by name."""
        rows = self._ask(_RELATIONS, (SCHEMA, [table.name for table in tables]))
        columns: dict[int, list[SourceColumn]] = {row[1]: [] for row in rows}
        for oid, *column in self._ask(_COLUMNS, (list(columns),)):
            columns[oid].append(SourceColumn(*column))
        return {row[0]: replace(Relation(*row), columns=tuple(columns[row[1]])) for row in rows}

    def extent(self, relation: Relation, key_sql: str, key_type: str, predicate: str) -> Extent:
        """Count the rows that ``predicate`` takes and find the range of their keys, in Spark's order."""
        key = f'{key_sql} COLLATE "C"' if key_type == "string" else key_sql
        columns = f"count(*), count(*) - count({key_sql}), min({key}), max({key})"
        return Extent(*self._ask(select(columns, relation, predicate))[0])

    def keys(self, relation: Relation, key_sql: str, predicate: str, limit: int) -> list[Any]:
        """Return up to ``limit`` distinct keys of the rows that ``predicate`` takes."""
        wanted = f"({predicate}) AND {key_sql} IS NOT NULL LIMIT {limit}"
        return [row[0] for row in self._ask(select(f"DISTINCT {key_sql}", relation, wanted))]

    def import_statement(self) -> str:
        """Return what another connection runs first to see the same snapshot under the same settings."""
        if not re.fullmatch(r"[0-9A-F-]+", self.snapshot.name):
            raise SourceContractBroken("the server gave a snapshot a name that is none", remedy="report this server")
        return "; ".join(
            (
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
                f"SET TRANSACTION SNAPSHOT {literal(self.snapshot.name)}",
                *self._settings(),
            )
        )


@contextmanager
def snapshot_of(address: SourceAddress, tables: Sequence[SourceTable]) -> Iterator[SnapshotConnection]:
    """Open a snapshot and hold it, with ``tables`` kept from being altered, until the block ends.

    Raises:
        SourceUnavailable: the server does not answer in time, refuses the login, is a standby, or a table stays locked.
        SourceContractBroken: it is too old, or does not let us read.
    """
    with _translated(address):
        connection: psycopg.Connection[Any] = psycopg.connect(
            conninfo.make_conninfo(**address.libpq()), autocommit=True
        )
    try:
        yield SnapshotConnection(connection, address, tables)
    finally:
        # The end of the connection ends its transaction; it read only.
        connection.close()
