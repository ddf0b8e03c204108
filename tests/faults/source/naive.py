"""The cursor that everybody writes first: what is later than the latest ``updated_at`` seen so far."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg import sql

from tests.faults.source.journal import KEYS
from tests.spark.bronze.source import Source


class NaiveCursor:
    """Polls the tables and keeps the last version that it saw of each row."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._after = dict.fromkeys(KEYS, datetime(1970, 1, 1, tzinfo=UTC))
        self.seen: dict[tuple[str, int], str] = {}

    def poll(self) -> None:
        with self._source.connect() as connection:
            for table, (key, _, column) in KEYS.items():
                query = sql.SQL("SELECT {}, {}, updated_at FROM {} WHERE updated_at > %s").format(
                    sql.Identifier(key), sql.Identifier(column), sql.Identifier(table)
                )
                for number, token, at in connection.execute(query, (self._after[table],)).fetchall():
                    self.seen[table, int(number)] = token
                    self._after[table] = max(self._after[table], at)
