"""What the lakehouse must show of the sample fleet, known from its plan and not by running the pipeline.

The manifest is one JSON object, cumulative over the waves so far, provided that a run followed each wave before the
next (a parent that came with wave 2 was missed once only if a run looked for it before). Its keys:

- ``seed``, ``scale``, ``days``, ``anchor`` (ISO-8601, UTC), ``wave``: which fleet, and the last wave that was told.
- ``source_rows``: {table: rows in the source database}.
- ``records``: records found in LOADED files. ``duplicates``: those that repeat a truck and instant.
- ``alerted_shipments``: sorted ids of the shipments with ``temperature_alert``.
- What ``Observed`` has, and ``compare`` checks:
  ``shipments`` (rows of Gold ``shipment_analytics``); ``alerts`` {"None": n, "Minor": n, "Major": n, "Critical": n};
  ``excursions`` (rows of Gold ``temperature_excursions``); ``rejections`` {"<table>.<REASON>": n}, every dead letter
  ever written whatever its status; ``outliers`` {"TEMPERATURE_RANGE": n, "GPS_RANGE": n, "SPEED": n};
  ``silver_readings`` (rows of Silver ``iot_telemetry``); ``files`` {"LOADED": n, "DUPLICATE": n, "FAILED": n}.

Entries that are 0 may be missing.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from smart_logistics.contracts.rules import AlertSeverity, OutlierReason, Reason
from smart_logistics.fleet.gateway import Status, TelemetryFile, duplicates_in
from smart_logistics.fleet.paperwork import shipment_id, slips
from smart_logistics.fleet.plan import SHIPMENTS, Plan
from smart_logistics.fleet.scenarios import excursions, severity
from smart_logistics.fleet.telemetry import record_count, spiked
from smart_logistics.fleet.trips import Fault
from smart_logistics.fleet.waves import Story

FILE_NAME = "seed-manifest.json"


@dataclass(frozen=True)
class Observed:
    """What somebody saw in a lakehouse: the keys that the module's docstring describes."""

    shipments: int
    alerts: Mapping[str, int]
    excursions: int
    rejections: Mapping[str, int]
    outliers: Mapping[str, int]
    silver_readings: int
    files: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the same by key."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass
class Tally:
    """The numbers of the blocks so far."""

    plan: Plan
    wave: int
    source_rows: Counter[str] = field(default_factory=Counter)
    records: int = 0
    readings: int = 0
    duplicates: int = 0
    shipments: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    excursions: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    outliers: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    alerted: list[str] = field(default_factory=list)

    def add(self, story: Story) -> None:
        """Count what a block must show once all waves up to ``wave`` were told."""
        chapters = [story.chapter(wave) for wave in range(1, self.wave + 1)]
        for n, chapter in enumerate(chapters, start=1):
            self.source_rows.update({table: len(rows) for table, rows in chapter.rows.items()})
            if n > 1:  # the trigger writes an event for each new shipment and each new status
                taken = sum(change.table == "shipments" and "status" in change.values for change in chapter.changes)
                self.source_rows["shipment_status_events"] += taken + len(chapter.rows.get("shipments", ()))
            self.rejections.update(slips(story.block, n))
        self._add_files([file for chapter in chapters for file in chapter.files])
        self._add_outliers(story)
        self._add_shipments(story)

    def _add_files(self, files: list[TelemetryFile]) -> None:
        self.files.update(file.status.value for file in files)
        self.records += sum(record_count(file) for file in files)
        repeated = duplicates_in(files)
        self.duplicates += repeated
        self.rejections[f"iot_telemetry.{Reason.DUPLICATE_DETECTED.name}"] += repeated
        self.readings -= repeated
        for file in files:
            if file.status is Status.LOADED:
                broken = [record.reason for record in file.records if record.reason is not None]
                self.rejections.update(f"iot_telemetry.{reason.name}" for reason in broken)
                self.readings += len(file.records) - len(broken)

    def _add_outliers(self, story: Story) -> None:
        faults = Counter(trip.fault for trip in story.plan.trips)
        self.outliers[OutlierReason.TEMPERATURE_RANGE.name] += faults[Fault.TEMPERATURE]
        self.outliers[OutlierReason.GPS_RANGE.name] += faults[Fault.GPS]
        doubted = faults[Fault.DOUBTED] if self.wave == 1 else 0  # wave 2 confirms them
        self.outliers[OutlierReason.SPEED.name] += faults[Fault.SPEED] + doubted + spiked(story.plan)

    def _add_shipments(self, story: Story) -> None:
        late = 1 if self.wave > 1 and story.block.is_latest else 0
        calm = SHIPMENTS + late
        self.shipments += calm
        for trip in story.plan.trips:
            alert = AlertSeverity.NONE if trip.scenario is None else severity(trip.scenario, self.wave)
            if trip.scenario is None or alert is AlertSeverity.NONE:
                continue
            calm -= 1
            self.alerts[alert.value] += 1
            self.excursions += excursions(trip.scenario, self.wave)
            self.alerted.append(shipment_id(story.block, trip.shipment))
        self.alerts[AlertSeverity.NONE.value] += calm

    def manifest(self) -> dict[str, Any]:
        """Return the manifest as JSON has it."""
        plan = self.plan
        seen = Observed(
            self.shipments,
            {severity.value: self.alerts[severity.value] for severity in AlertSeverity},
            self.excursions,
            dict(sorted((name, n) for name, n in self.rejections.items() if n)),
            {reason.name: self.outliers[reason.name] for reason in OutlierReason},
            self.readings,
            {status.value: self.files[status.value] for status in Status},
        )
        return {
            "seed": plan.seed,
            "scale": plan.scale,
            "days": plan.days,
            "anchor": plan.anchor.isoformat(),
            "wave": self.wave,
            "source_rows": dict(sorted(self.source_rows.items())),
            "records": self.records,
            "duplicates": self.duplicates,
            **seen.as_json(),
            "alerted_shipments": sorted(self.alerted),
        }


def expected(plan: Plan, wave: int) -> dict[str, Any]:
    """Return the manifest of the plan after ``wave``."""
    tally = Tally(plan, wave)
    for block in plan.blocks():
        tally.add(Story(block))
    return tally.manifest()


def compare(manifest: Mapping[str, Any], observed: Observed) -> list[str]:
    """Return one sentence for each number that is not as the manifest says; none where all agree."""
    different = []
    for name, seen in observed.as_json().items():
        wanted = manifest[name]
        if not isinstance(wanted, Mapping):
            wanted, seen = {"": wanted}, {"": seen}
        for entry in sorted({*wanted, *seen}):
            due, found = wanted.get(entry, 0), seen.get(entry, 0)
            if due != found:
                different.append(f"{name}{f' {entry}' if entry else ''}: {found}, the manifest says {due}")
    return different


def write(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """Return the manifest, None where nothing was seeded."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
