"""What the writers know of their own transactions: the truth that Bronze is compared with."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

# The tables written to: key column, the key's type, and the column that carries a version's token.
KEYS = {
    "customers": ("customer_id", int, "name"),
    "orders": ("order_id", str, "priority"),
    "shipments": ("shipment_id", str, "destination_city"),
    "drivers": ("driver_id", int, "name"),
}


@dataclass(frozen=True)
class Change:
    """One version of one row as a transaction wrote it; without a token the row was deleted."""

    table: str
    key: int
    token: str | None
    number: int


@dataclass
class Journal:
    """Every change that a server acknowledged, and every one that a transaction took back. Safe among threads."""

    committed: dict[tuple[str, int], list[Change]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def number(self) -> int:
        """Return the next number: no two versions carry the same."""
        with self._lock:
            self._number += 1
            return self._number

    def commit(self, kind: str, changes: Iterable[Change]) -> None:
        """Note what a COMMIT that has returned made true."""
        with self._lock:
            self.kinds[kind] += 1
            for change in changes:
                self.committed.setdefault((change.table, change.key), []).append(change)

    def undo(self, changes: Iterable[Change]) -> None:
        """Note what must never be seen."""
        with self._lock:
            self.undone.update(change.token for change in changes if change.token)

    def abort(self, kind: str, changes: Iterable[Change]) -> None:
        """Note a transaction that was rolled back."""
        self.undo(changes)
        with self._lock:
            self.kinds[kind] += 1

    def last(self) -> dict[tuple[str, int], Change]:
        """Return the last acknowledged change of each row."""
        with self._lock:
            return {place: changes[-1] for place, changes in self.committed.items()}

    def was_deleted_after(self, change: Change) -> bool:
        """Return whether a later transaction deleted the row."""
        with self._lock:
            later = self.committed[change.table, change.key]
            return any(one.token is None and one.number > change.number for one in later)

    def tokens(self) -> set[tuple[str, int, str | None]]:
        """Return every version that was ever true."""
        with self._lock:
            return {(c.table, c.key, c.token) for changes in self.committed.values() for c in changes}

    @property
    def transactions(self) -> int:
        """How many have ended."""
        with self._lock:
            return self.kinds.total()
