"""A source database in plain Python: what the extraction would see after each wave, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smart_logistics.contracts.source import BY_NAME
from smart_logistics.fleet.plan import Plan
from smart_logistics.fleet.waves import Story
from tests.oracle import Expected, Source, TakenFile, Version, expect

EVENTS = "shipment_status_events"


@dataclass
class Office:
    """Rows by table and key, and every version and file that a run after each wave would have taken."""

    plan: Plan
    rows: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in BY_NAME})
    versions: list[Version] = field(default_factory=list)
    files: list[TakenFile] = field(default_factory=list)

    def tell(self, wave: int) -> None:
        """Apply a wave as the source's triggers would, then extract what is new."""
        now = self.plan.anchor + timedelta(minutes=wave)
        touched: dict[tuple[str, Any], None] = {}
        for block in self.plan.blocks():
            chapter = Story(block).chapter(wave)
            for table, rows in chapter.rows.items():
                for row in rows:
                    touched |= self._insert(table, row, now, by_trigger=wave > 1)
            for change in chapter.changes:
                row = self.rows[change.table][change.key]
                before = row.get("status")
                row |= {**change.values, "updated_at": now}
                touched[change.table, change.key] = None
                if change.table == "shipments" and row["status"] != before:
                    touched |= self._event(row, now)
            self.files += [TakenFile(file.name, file.content, now) for file in chapter.files]
        self.versions += [Version(table, dict(self.rows[table][key]), now) for table, key in touched]

    def expect(self) -> Expected:
        """Ask the oracle."""
        return expect(Source(self.versions, (), self.files), every_batch_was_judged=True)

    def _insert(
        self, table: str, row: dict[str, Any], now: datetime, *, by_trigger: bool
    ) -> dict[tuple[str, Any], None]:
        key_name = BY_NAME[table].key
        row = dict(row)
        if table == EVENTS:
            row.setdefault(key_name, max(self.rows[EVENTS], default=0) + 1)
        else:
            row["updated_at"] = now
        key = row[key_name]
        assert key not in self.rows[table], (table, key)
        self.rows[table][key] = row
        made: dict[tuple[str, Any], None] = {(table, key): None}
        if table == "shipments" and by_trigger:
            made |= self._event(row, now)
        return made

    def _event(self, shipment: dict[str, Any], now: datetime) -> dict[tuple[str, Any], None]:
        event = {"shipment_id": shipment["shipment_id"], "status": shipment["status"], "changed_at": now}
        event_id = max(self.rows[EVENTS], default=0) + 1
        self.rows[EVENTS][event_id] = {"event_id": event_id, **event}
        return {(EVENTS, event_id): None}
