"""Which truck drives what, where and when. No truck is at two places: trips keep to slots with rest between them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from smart_logistics.fleet import scenarios
from smart_logistics.fleet.geography import ROUTES, Route
from smart_logistics.fleet.masters import LIMITS
from smart_logistics.fleet.plan import DRIVERS, VEHICLES, Block
from smart_logistics.fleet.scenarios import Place, Scenario

SLOTS = 3
# More than the 6 hours within which readings are neighbours: a truck's trips do not judge each other's speed.
REST = timedelta(hours=7, minutes=30)
SLACK = timedelta(hours=1)
DRIVE_HOURS, HALT_HOURS = 4.5, 0.75
LONGEST_HOURS = 46.0
HANDOVERS = 10
_UNSET = datetime(1970, 1, 1, tzinfo=UTC)


class Fate(Enum):
    """How a shipment stands when wave 1 ends."""

    DELIVERED = "Delivered"
    RETURNED = "Returned"
    FAILED = "Failed Delivery"
    IN_TRANSIT = "In Transit"
    OUT = "Out for Delivery"
    ASSIGNED = "Assigned"
    CREATED = "Created"
    CANCELLED = "Cancelled"


CLOSED_FATES = (Fate.DELIVERED, Fate.RETURNED, Fate.FAILED)
_LATEST = {Fate.DELIVERED: 72, Fate.RETURNED: 3, Fate.FAILED: 2, Fate.IN_TRANSIT: 12, Fate.OUT: 3, Fate.ASSIGNED: 2,
           Fate.CREATED: 3, Fate.CANCELLED: 3}  # fmt: skip
_EARLIER = {Fate.DELIVERED: 95, Fate.RETURNED: 3, Fate.FAILED: 2}


class Fault(Enum):
    """What one reading of a trip suffers, or a stretch of them."""

    TEMPERATURE = "a sensor that reports nonsense"
    GPS = "a place that is not on Earth"
    SPEED = "a place far off, and back again"
    WITHHELD = "no network for an hour: the readings come with wave 2"
    DOUBTED = "a place far off that a reading of wave 2 confirms"


_FAULTS = {Fault.TEMPERATURE: 12, Fault.GPS: 8, Fault.SPEED: 8}
_FAULTS_FOR_WAVE_2 = {Fault.WITHHELD: 2, Fault.DOUBTED: 1}


@dataclass
class Leg:
    """One truck's part of a trip, as assigned: ``truck`` is its number within the fleet, from 1."""

    truck: int
    start: datetime
    end: datetime | None
    driver: int | None = None


@dataclass
class Trip:
    """A shipment on its way along a route; ``legs`` are its assignments, one or, with a handover, two."""

    shipment: int
    fate: Fate
    type_name: str
    route: Route
    speed_kmh: float
    cadence: timedelta
    depart: datetime
    legs: list[Leg]
    scenario: Scenario | None = None
    fault: Fault | None = None

    @property
    def arrive(self) -> datetime:
        """When the route's end is reached."""
        return self.depart + timedelta(minutes=round(hours_needed(self.route, self.speed_kmh) * 60))

    @property
    def handover(self) -> datetime | None:
        """When the second truck takes over."""
        return self.legs[1].start if len(self.legs) > 1 else None

    def travelled_km(self, instant: datetime) -> float:
        """Return the way made by ``instant``: after each stretch of driving comes a halt."""
        hours = max(0.0, (instant - self.depart) / timedelta(hours=1))
        cycles, rest = divmod(hours, DRIVE_HOURS + HALT_HOURS)
        return (cycles * DRIVE_HOURS + min(rest, DRIVE_HOURS)) * self.speed_kmh


@dataclass
class Schedule:
    """A block's trips, the fate of every shipment (from 1), and the trucks that are free in the last slot."""

    trips: list[Trip]
    fates: dict[int, Fate]
    assigned: list[tuple[int, Leg]] = field(default_factory=list)
    idle: list[int] = field(default_factory=list)


def hours_needed(route: Route, speed_kmh: float) -> float:
    """Return driving time plus halts."""
    driving = route.length_km / speed_kmh
    return driving + int(driving / DRIVE_HOURS) * HALT_HOURS


def schedule(block: Block) -> Schedule:
    """Plan every trip of the block."""
    rng = block.rng("trips")
    wanted = [fate for fate, count in (_LATEST if block.is_latest else _EARLIER).items() for _ in range(count)]
    rng.shuffle(wanted)
    fates = dict(enumerate(wanted, start=1))
    of = {fate: [i for i, f in fates.items() if f is fate] for fate in Fate}
    slots = _Slots(block, rng)
    trips = _open_trips(block, rng, slots, of) if block.is_latest else []
    plan = Schedule(trips, fates)
    if block.is_latest:
        for i in of[Fate.ASSIGNED]:
            plan.assigned.append((i, Leg(slots.take(SLOTS - 1, 1)[0], block.end + timedelta(minutes=5), None)))
        plan.idle = slots.reserve(12)
    closed = [i for fate in CLOSED_FATES for i in of[fate]]
    plan.trips += _closed_trips(rng, slots, closed, fates, waves=block.is_latest)
    plan.trips.sort(key=lambda trip: trip.shipment)
    legs = [leg for trip in plan.trips for leg in trip.legs] + [leg for _, leg in plan.assigned]
    _give_drivers(rng, legs, block.end + timedelta(days=1))
    return plan


class _Slots:
    """Trucks that are still free in each slot, and each slot's time."""

    def __init__(self, block: Block, rng: random.Random) -> None:
        length = (block.end - block.start) / SLOTS
        self.times = [(block.start + k * length, block.start + (k + 1) * length) for k in range(SLOTS)]
        self.free = [rng.sample(range(1, VEHICLES + 1), VEHICLES) for _ in range(SLOTS)]
        self.rng = rng

    def take(self, slot: int, count: int) -> list[int]:
        return [self.free[slot].pop() for _ in range(count)]

    def reserve(self, count: int) -> list[int]:
        return self.take(SLOTS - 1, count)

    def find(self, count: int) -> int:
        """Return a slot with ``count`` free trucks, the emptier the likelier."""
        return self.rng.choices(range(SLOTS), [max(0, len(trucks) - count + 1) for trucks in self.free])[0]


def _open_trips(block: Block, rng: random.Random, slots: _Slots, of: dict[Fate, list[int]]) -> list[Trip]:
    """Return the trips that are under way when wave 1 ends."""
    trips, start = [], slots.times[-1][0] + REST
    most = (block.end - start) / timedelta(hours=1)
    for n, i in enumerate(of[Fate.IN_TRANSIT]):
        gone = rng.uniform(3.0, min(20.0, most))
        scenario = scenarios.RUNNING if n == 0 else None
        trip = _trip(rng, i, Fate.IN_TRANSIT, scenario, (gone + 3.0, max(LONGEST_HOURS, gone + 8.0)))
        trip.depart = _whole_minute(block.end - timedelta(hours=gone))
        trips.append(trip)
    for i in of[Fate.OUT]:
        trip = _trip(rng, i, Fate.OUT, None, (4.0, min(16.0, most)))
        trip.depart += block.end + timedelta(minutes=rng.randint(10, 30)) - trip.arrive
        trips.append(trip)
    for trip in trips:
        trip.legs = [Leg(slots.take(SLOTS - 1, 1)[0], trip.depart, None)]
    return trips


def _closed_trips(
    rng: random.Random, slots: _Slots, shipments: Sequence[int], fates: dict[int, Fate], *, waves: bool
) -> list[Trip]:
    planted: list[Scenario | None] = [*scenarios.CLOSED, *((scenarios.LATE,) if waves else ())]
    planned = planted + [None] * (len(shipments) - len(planted))
    changes = {n for n, s in enumerate(planned) if s and s.place in (Place.AFTER_HANDOVER, Place.ACROSS_HANDOVER)}
    changes |= set(range(len(planted), len(planted) + HANDOVERS - len(changes)))
    faults = _faults(waves=waves)
    trips = []
    for n, (i, scenario) in enumerate(zip(rng.sample(shipments, len(shipments)), planned, strict=True)):
        trucks = 2 if n in changes else 1
        slot = slots.find(trucks)
        begin, end = slots.times[slot][0] + REST, slots.times[slot][1] - SLACK
        window = (end - begin) / timedelta(hours=1)
        least = 5.0 + (scenario.readings * scenario.cadence + scenario.silence) / 60 if scenario else 5.0
        trip = _trip(rng, i, fates[i], scenario, (least, min(LONGEST_HOURS, window)))
        trip.depart = _whole_minute(
            begin + timedelta(hours=rng.uniform(0, window - (trip.arrive - trip.depart) / timedelta(hours=1)))
        )
        trip.legs = _legs(rng, trip, slots.take(slot, trucks))
        if scenario is None and trucks == 1 and faults:
            trip.fault = faults.pop(0)
        trips.append(trip)
    return trips


def _faults(*, waves: bool) -> list[Fault]:
    wanted = {**_FAULTS, **(_FAULTS_FOR_WAVE_2 if waves else {})}
    return [fault for fault, count in wanted.items() for _ in range(count)]


def _trip(rng: random.Random, i: int, fate: Fate, scenario: Scenario | None, hours: tuple[float, float]) -> Trip:
    """Return a trip whose time lies within ``hours``; its departure is yet to be set, until then it is 1970."""
    speed = rng.uniform(38.0, 54.0)
    fitting = [route for route in ROUTES if hours[0] <= hours_needed(route, speed) <= hours[1]]
    # Where nothing fits (a long scenario in a short --days), the nearest from below does.
    route = rng.choice(fitting) if fitting else max(
        (r for r in ROUTES if hours_needed(r, speed) <= hours[1]), key=lambda r: r.length_km
    )  # fmt: skip
    type_name = scenario.type_name if scenario else rng.choice(sorted(LIMITS))
    cadence = timedelta(minutes=scenario.cadence if scenario else rng.choice((15, 20, 30)))
    return Trip(i, fate, type_name, route, speed, cadence, _UNSET, [], scenario)


def _legs(rng: random.Random, trip: Trip, trucks: list[int]) -> list[Leg]:
    if len(trucks) == 1:
        return [Leg(trucks[0], trip.depart, trip.arrive)]
    over = _whole_minute(trip.depart + (trip.arrive - trip.depart) * rng.uniform(0.35, 0.55))
    return [Leg(trucks[0], trip.depart, over), Leg(trucks[1], over, trip.arrive)]


def _give_drivers(rng: random.Random, legs: list[Leg], far: datetime) -> None:
    """Give each leg a driver who is free, or none: then the dispatcher has not entered one."""
    busy: dict[int, datetime] = {}
    for leg in sorted(legs, key=lambda leg: (leg.start, leg.truck)):
        free = [d for d in range(1, DRIVERS + 1) if d not in busy or busy[d] <= leg.start]
        if free:
            leg.driver = rng.choice(free)
            busy[leg.driver] = leg.end or far


def _whole_minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)
