"""What happens to a block, wave by wave: rows that are new, rows that change, files that arrive.

Wave 1 is the history up to 45 minutes before the anchor. Wave 2 fills these minutes: deliveries, readings that were
held back, parents that orphans waited for, corrections. Wave 3 is a quiet hour: rows change, no file comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from smart_logistics.fleet.gateway import TelemetryFile
from smart_logistics.fleet.masters import Row, customer, masters, vehicle
from smart_logistics.fleet.paperwork import (
    LATE_CUSTOMER,
    LATE_SHIPMENT,
    NAMELESS_ORDER,
    NEGATIVE_ORDER,
    UNKNOWN_VEHICLE,
    assignment,
    order_id,
    paperwork,
    shipment,
    shipment_id,
)
from smart_logistics.fleet.plan import ASSIGNMENTS, Block
from smart_logistics.fleet.readings import PlantedExcursion, Sample, trip_samples
from smart_logistics.fleet.telemetry import unregistered_plate, wave_1_files, wave_2_files
from smart_logistics.fleet.trips import Fate, Leg, Schedule, schedule

OUT_IN_WAVE_3 = 3
_LATE_EVENTS = 2


@dataclass(frozen=True)
class Change:
    """New values of the row with ``key``; the source's triggers do the rest."""

    table: str
    key: int | str
    values: Row


@dataclass(frozen=True)
class Chapter:
    """What one wave brings: new rows by table (parents first), then changes in order, then files in name order."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    files: list[TelemetryFile] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """A block with all that will be told of it."""

    block: Block

    @cached_property
    def plan(self) -> Schedule:
        """The block's trips."""
        return schedule(self.block)

    @cached_property
    def papers(self) -> dict[str, list[Row]]:
        """The transactional rows of wave 1."""
        return paperwork(self.block, self.plan)

    @cached_property
    def _measured(self) -> list[tuple[list[Sample], list[PlantedExcursion]]]:
        return [trip_samples(self.block, trip) for trip in self.plan.trips]

    @property
    def samples(self) -> list[Sample]:
        """All readings of all trips, also those that no wave tells."""
        return [sample for samples, _ in self._measured for sample in samples]

    @property
    def planted(self) -> list[PlantedExcursion]:
        """The excursions that are complete in wave 1, and the one whose readings come late."""
        return [excursion for _, planted in self._measured for excursion in planted]

    @cached_property
    def first_files(self) -> list[TelemetryFile]:
        """The files of wave 1."""
        return wave_1_files(self.block, self.plan, self.samples)

    def chapter(self, wave: int) -> Chapter:
        """Return what ``wave`` brings; after wave 1, nothing happens but to the latest blocks."""
        if wave == 1:
            return Chapter((masters(self.block) if self.block.is_first else {}) | self.papers, [], self.first_files)
        if not self.block.is_latest:
            return Chapter()
        return self._second() if wave == 2 else self._third()

    def shipments_of(self, fate: Fate) -> list[int]:
        """Return the numbers of the shipments that stand so when wave 1 ends."""
        return [i for i, found in self.plan.fates.items() if found is fate]

    def _second(self) -> Chapter:
        block, rng = self.block, self.block.rng("wave 2")
        picked_up = self.shipments_of(Fate.CREATED)[0]
        leg = Leg(self.plan.idle[1], block.plan.anchor - timedelta(minutes=10), None)
        rows: dict[str, list[Row]] = {
            "customers": [customer(block, LATE_CUSTOMER)],
            "shipments": [shipment(block, rng, LATE_SHIPMENT, Fate.DELIVERED, block.end - timedelta(hours=3), None)],
            "shipment_status_events": self._late_events(),
            "truck_assignments": [assignment(block, ASSIGNMENTS + 1, shipment_id(block, picked_up), leg, "ACTIVE")],
        }
        changes = [
            Change("customers", block.number(3), {"phone": "+91 80000 00003"}),
            Change("drivers", block.number(4), {"status": "On Leave"}),
            Change("vehicles", block.number(5), {"status": "Maintenance"}),
            Change("orders", order_id(block, NEGATIVE_ORDER), {"total_amount": 499}),
            # Touched, but still without a customer: its new version is rejected as the old one was.
            Change("orders", order_id(block, NAMELESS_ORDER), {"status": "On Hold"}),
            Change("shipments", shipment_id(block, picked_up), {"status": Fate.ASSIGNED.value}),
            *(
                Change("shipments", shipment_id(block, i), {"status": Fate.IN_TRANSIT.value})
                for i in self.shipments_of(Fate.ASSIGNED)
            ),
            *self._deliveries(),
        ]
        return Chapter(rows, changes, wave_2_files(block, self.samples, self.first_files))

    def _deliveries(self) -> list[Change]:
        """Return the arrival of the trucks that were out for delivery."""
        changes = []
        for trip in (trip for trip in self.plan.trips if trip.fate is Fate.OUT):
            key = shipment_id(self.block, trip.shipment)
            given = {"status": Fate.DELIVERED.value, "actual_delivery_at": trip.arrive}
            changes.append(Change("shipments", key, given))
            closed = {"assignment_end_time": trip.arrive, "status": "COMPLETED"}
            changes += [Change("truck_assignments", n, closed) for n in self._assignments_of(key)]
        return changes

    def _late_events(self) -> list[Row]:
        """Return events that belong between two equal ones: the second of those begins a version only now."""
        changed = [trip for trip in self.plan.trips if trip.handover][:_LATE_EVENTS]
        return [
            {
                "shipment_id": shipment_id(self.block, trip.shipment),
                "status": Fate.ASSIGNED.value,
                "changed_at": trip.legs[1].start - timedelta(minutes=10),
            }
            for trip in changed
        ]

    def _third(self) -> Chapter:
        block = self.block
        under_way = [trip for trip in self.plan.trips if trip.fate is Fate.IN_TRANSIT]
        nearest = sorted(under_way, key=lambda trip: (trip.arrive, trip.shipment))[:OUT_IN_WAVE_3]
        broken = next(row for row in self.papers["truck_assignments"] if _ends_before_it_starts(row))
        repaired = broken["assignment_start_time"] + timedelta(hours=1)
        given_up = self.shipments_of(Fate.CREATED)[1]
        changes = [
            Change("truck_assignments", broken["assignment_id"], {"assignment_end_time": repaired}),
            Change("shipments", shipment_id(block, given_up), {"status": Fate.CANCELLED.value}),
            *(Change("shipments", shipment_id(block, trip.shipment), {"status": Fate.OUT.value}) for trip in nearest),
        ]
        # The office registers the truck that an assignment has named, and that sent readings, all along.
        registered = vehicle(block, UNKNOWN_VEHICLE) | {"license_plate": unregistered_plate(block)}
        return Chapter({"vehicles": [registered]}, changes)

    def _assignments_of(self, shipment: str) -> list[int]:
        return [
            row["assignment_id"]
            for row in self.papers["truck_assignments"]
            if row["shipment_id"] == shipment and row["status"] == "ACTIVE"
        ]


def _ends_before_it_starts(row: Row) -> bool:
    end = row["assignment_end_time"]
    return end is not None and end < row["assignment_start_time"]
