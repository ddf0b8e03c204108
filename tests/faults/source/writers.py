"""Writers that do to a source what offices do: much at once, late, nested, prepared, back-dated, taken back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.faults.source.journal import KEYS, Change, Journal
from tests.spark.bronze.source import Source

# Out of a hundred transactions; the others insert or update a few rows and commit at once.
SHARES = {
    "rolled back": 6, "savepoint": 7, "back-dated": 6, "untouched": 4, "long": 4, "two-phase": 4, "delete": 3,
    "delete and insert": 2, "rewritten": 2, "new key": 2,
}  # fmt: skip
_OWN_KEYS = 40
_MOST_HELD = 3
# The server of the tests allows eight.
_PREPARED = threading.BoundedSemaphore(7)


@dataclass
class Clock:
    """How many extractions have ended. A held transaction outlasts at least one that began after it wrote."""

    ended: int = 0


@dataclass
class Held:
    """A transaction that has written and is still to end."""

    connection: psycopg.Connection[Any]
    kind: str
    changes: list[Change]
    until: int
    is_prepared: bool
    commits: bool


@dataclass
class Writer:
    """One office with rows of its own, so that it knows their last state whatever the others do."""

    source: Source
    journal: Journal
    clock: Clock
    number: int
    dice: random.Random
    held: list[Held] = field(default_factory=list)
    there: set[tuple[str, int]] = field(default_factory=set)

    def run(self, transactions: int, pause: Callable[[], object]) -> None:
        """Make so many transactions; end those that were held."""
        with self.source.connect() as connection:
            for _ in range(transactions):
                self._end_held()
                self._one(connection)
                pause()
        while self.held:
            self._end_held(at_last=True)

    def _one(self, connection: psycopg.Connection[Any]) -> None:
        kind = self._kind()
        if kind in {"long", "two-phase"} and len(self.held) < _MOST_HELD:
            self._hold(kind)
            return
        commits = kind != "rolled back"
        changes = self._work(connection, kind)
        if commits:
            connection.commit()
            self._done(kind, changes)
        else:
            connection.rollback()
            self.journal.abort(kind, changes)

    def _kind(self) -> str:
        throw = self.dice.randrange(100)
        for kind, share in SHARES.items():
            if throw < share:
                return kind
            throw -= share
        return "plain"

    def _done(self, kind: str, changes: list[Change]) -> None:
        self.journal.commit(kind, changes)
        for change in changes:
            (self.there.add if change.token else self.there.discard)((change.table, change.key))

    # Transactions that stay open

    def _hold(self, kind: str) -> None:
        is_prepared = kind == "two-phase" and _PREPARED.acquire(blocking=False)
        connection = self.source.connect()
        if is_prepared:
            connection.tpc_begin(connection.xid(1, f"writer {self.number}", str(self.journal.number())))
        changes = self._work(connection, kind)
        if is_prepared:
            connection.tpc_prepare()
        until = self.clock.ended + self.dice.choice((2, 2, 3, 5))
        commits = self.dice.random() < 0.8
        self.held.append(Held(connection, kind, changes, until, is_prepared, commits))

    def _end_held(self, *, at_last: bool = False) -> None:
        for one in [one for one in self.held if at_last or self.clock.ended >= one.until]:
            self.held.remove(one)
            if one.is_prepared:
                (one.connection.tpc_commit if one.commits else one.connection.tpc_rollback)()
                _PREPARED.release()
            else:
                (one.connection.commit if one.commits else one.connection.rollback)()
            one.connection.close()
            if one.commits:
                self._done(one.kind, one.changes)
            else:
                self.journal.abort(one.kind, one.changes)

    # What a transaction does

    def _work(self, connection: psycopg.Connection[Any], kind: str) -> list[Change]:
        places = self._places(self.dice.choice((1, 1, 2, 3)))
        if kind == "savepoint":
            return self._nested(connection, places)
        changes = []
        for table, key in places:
            if kind in {"delete", "delete and insert"} and (table, key) in self.there:
                _delete(connection, table, key)
                changes.append(Change(table, key, None, self.journal.number()))
                if kind == "delete":
                    continue
                changes.pop()
                changes.append(self._insert(connection, table, key))
            elif kind == "new key" and (table, key) in self.there and (free := self._free(table, places)):
                changes += self._move(connection, table, key, free)
                places = [*places, (table, free)]
            else:
                changes.append(self._write(connection, table, key, kind))
        return changes

    def _nested(self, connection: psycopg.Connection[Any], places: list[tuple[str, int]]) -> list[Change]:
        changes = [self._write(connection, *places[0], "savepoint")]
        inner = self._places(3, beside=places)
        for depth, (table, key) in enumerate(inner):
            connection.execute(f"SAVEPOINT s{depth}".encode())
            change = self._write(connection, table, key, "savepoint")
            if self.dice.random() < 0.4:
                connection.execute(f"ROLLBACK TO SAVEPOINT s{depth}".encode())
                self.journal.undo([change])
            else:
                connection.execute(f"RELEASE SAVEPOINT s{depth}".encode())
                changes.append(change)
        return changes

    def _places(self, count: int, *, beside: list[tuple[str, int]] | None = None) -> list[tuple[str, int]]:
        """Return rows of ours that no held transaction has locked."""
        locked = {(c.table, c.key) for one in self.held for c in one.changes} | set(beside or ())
        found: dict[tuple[str, int], None] = {}
        while len(found) < count:
            place = (self.dice.choice(list(KEYS)), self.number * _OWN_KEYS + self.dice.randrange(_OWN_KEYS))
            if place not in locked:
                found[place] = None
        return list(found)

    def _free(self, table: str, beside: list[tuple[str, int]]) -> int | None:
        locked = {(c.table, c.key) for one in self.held for c in one.changes} | self.there | set(beside)
        own = range(self.number * _OWN_KEYS, (self.number + 1) * _OWN_KEYS)
        return next((key for key in own if (table, key) not in locked), None)

    def _write(self, connection: psycopg.Connection[Any], table: str, key: int, kind: str) -> Change:
        if (table, key) not in self.there:
            return self._insert(connection, table, key, back_dated=kind == "back-dated")
        change = self._change(table, key)
        stamp = {"back-dated": "'2001-01-01'", "untouched": "updated_at"}.get(kind, "now()")
        _key, type_, column = KEYS[table]
        query = sql.SQL("UPDATE {} SET {} = %s, updated_at = {} WHERE {} = %s").format(
            sql.Identifier(table), sql.Identifier(column), sql.SQL(stamp), sql.Identifier(_key)
        )
        connection.execute(query, (change.token, type_(key)))
        if kind == "rewritten":  # the same values once more: another xmin, no other content
            connection.execute(query, (change.token, type_(key)))
        return change

    def _insert(self, connection: psycopg.Connection[Any], table: str, key: int, *, back_dated: bool = False) -> Change:
        change = self._change(table, key)
        name, type_, column = KEYS[table]
        query = sql.SQL("INSERT INTO {} ({}, {}, updated_at) VALUES (%s, %s, {})").format(
            sql.Identifier(table),
            sql.Identifier(name),
            sql.Identifier(column),
            sql.SQL("'2001-01-01'" if back_dated else "now()"),
        )
        connection.execute(query, (type_(key), change.token))
        return change

    def _move(self, connection: psycopg.Connection[Any], table: str, old: int, new: int) -> list[Change]:
        """Change a row's key: the old one is gone, the new one is there."""
        change = self._change(table, new)
        name, type_, column = KEYS[table]
        connection.execute(
            sql.SQL("UPDATE {} SET {} = %s, {} = %s, updated_at = now() WHERE {} = %s").format(
                sql.Identifier(table), sql.Identifier(name), sql.Identifier(column), sql.Identifier(name)
            ),
            (type_(new), change.token, type_(old)),
        )
        return [Change(table, old, None, self.journal.number()), change]

    def _change(self, table: str, key: int) -> Change:
        number = self.journal.number()
        return Change(table, key, f"{self.number}.{number}", number)


def _delete(connection: psycopg.Connection[Any], table: str, key: int) -> None:
    name, type_, _ = KEYS[table]
    query = sql.SQL("DELETE FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(name))
    connection.execute(query, (type_(key),))
