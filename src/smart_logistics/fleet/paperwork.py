"""Orders, shipments, their status events and assignments: what the office writes about the trips, with its slips."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from smart_logistics.contracts.rules import Reason
from smart_logistics.fleet.geography import WAREHOUSE_CITIES
from smart_logistics.fleet.masters import LIMITS, Row, warehouse_of
from smart_logistics.fleet.plan import ASSIGNMENTS, CUSTOMERS, ORDERS, SHIPMENTS, VEHICLES, Block
from smart_logistics.fleet.trips import CLOSED_FATES, Fate, Leg, Schedule, Trip

# The slips. Each order of these has no shipment, so that all shipments reach Gold.
NEGATIVE_ORDER, ORPHAN_ORDER, NAMELESS_ORDER = ORDERS - 2, ORDERS - 1, ORDERS
LATE_CUSTOMER = CUSTOMERS + 1
"""Customer of the orphan order; arrives with wave 2."""
LATE_SHIPMENT = SHIPMENTS + 1
"""Shipment that an event and an assignment name before it is there; arrives with wave 2."""
UNKNOWN_VEHICLE = VEHICLES + 48
_SLIPS = {
    ("orders", Reason.NULL_CRITICAL_FIELD): 1,
    ("orders", Reason.BUSINESS_RULE_VIOLATION): 1,
    ("orders", Reason.INVALID_FOREIGN_KEY): 1,
    ("shipment_status_events", Reason.NULL_CRITICAL_FIELD): 1,
    ("shipment_status_events", Reason.BUSINESS_RULE_VIOLATION): 1,
    ("shipment_status_events", Reason.INVALID_FOREIGN_KEY): 1,
    ("truck_assignments", Reason.BUSINESS_RULE_VIOLATION): 1,
    ("truck_assignments", Reason.INVALID_FOREIGN_KEY): 2,
}
# The nameless order is touched by wave 2, and still nameless.
_SLIPS_OF_WAVE_2 = {("orders", Reason.NULL_CRITICAL_FIELD): 1}
_UNDATED = 2
_REPEATED = 4


def order_id(block: Block, i: int) -> str:
    """Return the id of the block's i-th order; the first hundred are those of the shipments of the same number."""
    return block.text_id("ORD", i)


def shipment_id(block: Block, i: int) -> str:
    """Return the id of the block's i-th shipment."""
    return block.text_id("SHP", i)


def paperwork(block: Block, plan: Schedule) -> dict[str, list[Row]]:
    """Return the rows of the block's transactional tables as wave 1 has them."""
    rng = block.rng("paperwork")
    trips = {trip.shipment: trip for trip in plan.trips}
    created = {i: _created(block, rng, trips.get(i)) for i in plan.fates}
    return {
        "orders": [_order(block, rng, i, created.get(i)) for i in range(1, ORDERS + 1)],
        "shipments": [shipment(block, rng, i, fate, created[i], trips.get(i)) for i, fate in plan.fates.items()],
        "shipment_status_events": _events(block, rng, plan, trips, created),
        "truck_assignments": _assignments(block, rng, plan, created),
    }


def _created(block: Block, rng: random.Random, trip: Trip | None) -> datetime:
    before = trip.depart if trip else block.end - timedelta(minutes=30)
    return _second(before - timedelta(hours=rng.uniform(12, 60) if trip else rng.uniform(1, 10)))


def _order(block: Block, rng: random.Random, i: int, shipped: datetime | None) -> Row:
    customer: int | None = block.number(rng.randint(1, CUSTOMERS))
    amount = Decimal(rng.randrange(450_000, 95_000_000)) / 100
    dated = shipped or block.start + (block.end - block.start) * rng.random()
    if block.is_latest:
        customer = {ORPHAN_ORDER: block.number(LATE_CUSTOMER), NAMELESS_ORDER: None}.get(i, customer)
        amount = Decimal("-499.00") if i == NEGATIVE_ORDER else amount
    return {
        "order_id": order_id(block, i),
        "customer_id": customer,
        "order_date": _second(dated - timedelta(hours=rng.uniform(1, 24))),
        "total_amount": amount,
        "priority": rng.choice(("Standard", "Standard", "Express", "Critical")),
        "status": "Shipped" if shipped else "Open",
    }


def shipment(block: Block, rng: random.Random, i: int, fate: Fate, created: datetime, trip: Trip | None) -> Row:
    """Return a shipment's row; one that is not under way yet goes from a warehouse to a city of the list."""
    origin, destination = (trip.route.cities[0], trip.route.cities[-1]) if trip else rng.sample(WAREHOUSE_CITIES, 2)
    expected, actual = created + timedelta(hours=rng.randint(40, 90)), None
    if trip:
        arrived = trip.arrive
        early = rng.random() < 0.7
        off = timedelta(minutes=rng.randint(5, 180) if early else -rng.randint(10, 300))
        expected = arrived + off if i % 25 else arrived  # now and then to the minute
        actual = arrived if fate is Fate.DELIVERED else None
    return {
        "shipment_id": shipment_id(block, i),
        "order_id": order_id(block, i),
        "origin_warehouse_id": warehouse_of(block, origin),
        "destination_city": destination,
        "shipment_type": trip.type_name if trip else rng.choice(sorted(LIMITS)),
        "status": fate.value,
        "expected_delivery_at": None if i <= _UNDATED else expected,
        "actual_delivery_at": actual,
        "created_at": created,
    }


def _events(
    block: Block, rng: random.Random, plan: Schedule, trips: dict[int, Trip], created: dict[int, datetime]
) -> list[Row]:
    found = [
        (at, shipment_id(block, i), status)
        for i, fate in plan.fates.items()
        for at, status in _history(rng, fate, created[i], trips.get(i), block.end)
    ]
    changed = [trip for trip in plan.trips if trip.handover][:_REPEATED]
    # The second truck's gate scans the shipment in again: the same status twice, one version.
    found += [(trip.handover, shipment_id(block, trip.shipment), "In Transit") for trip in changed if trip.handover]
    if block.is_latest:
        delivered = next(i for i, fate in plan.fates.items() if fate is Fate.DELIVERED)
        found.append((created[delivered] + timedelta(minutes=7), shipment_id(block, delivered), "Teleported"))
        found.append((created[delivered] + timedelta(minutes=8), shipment_id(block, delivered), " "))
        found.append((block.end - timedelta(hours=3), shipment_id(block, LATE_SHIPMENT), "Created"))
    return [
        {"event_id": block.event_id(n), "shipment_id": key, "status": status, "changed_at": at}
        for n, (at, key, status) in enumerate(sorted(found), start=1)
    ]


def _history(
    rng: random.Random, fate: Fate, created: datetime, trip: Trip | None, now: datetime
) -> Iterator[tuple[datetime, str]]:
    """Yield when the shipment took which status."""
    yield created, Fate.CREATED.value
    if fate is Fate.CREATED:
        return
    start = trip.depart if trip else now
    assigned = created + (start - created) * 0.6
    yield _second(assigned), Fate.ASSIGNED.value
    if trip is None:
        if fate is Fate.CANCELLED:
            yield _second(now - timedelta(minutes=rng.randint(5, 20))), fate.value
        return
    yield trip.depart, Fate.IN_TRANSIT.value
    if fate is Fate.IN_TRANSIT:
        return
    out = min(trip.arrive, now) - timedelta(minutes=rng.randint(30, 120))
    yield out, Fate.OUT.value
    if fate is Fate.RETURNED:
        yield trip.arrive - timedelta(minutes=15), Fate.FAILED.value
    if fate is not Fate.OUT:
        yield trip.arrive, fate.value


def assignment(block: Block, n: int, shipment: str, leg: Leg, status: str) -> Row:
    """Return the row of the block's n-th assignment."""
    return {
        "assignment_id": block.assignment_id(n),
        "shipment_id": shipment,
        "vehicle_id": block.number(leg.truck),
        "driver_id": None if leg.driver is None else block.number(leg.driver),
        "assignment_start_time": leg.start,
        "assignment_end_time": leg.end,
        "status": status,
    }


def _assignments(block: Block, rng: random.Random, plan: Schedule, created: dict[int, datetime]) -> list[Row]:
    found: list[tuple[Leg, int, str]] = []
    for trip in plan.trips:
        found += [(leg, trip.shipment, "COMPLETED" if leg.end else "ACTIVE") for leg in trip.legs]
    found += [(leg, i, "ACTIVE") for i, leg in plan.assigned]
    slips = _slips(block, rng, plan) if block.is_latest else []
    called_off = [i for i, fate in plan.fates.items() if fate is Fate.CANCELLED]
    others = [trip.shipment for trip in plan.trips if trip.fate in CLOSED_FATES]
    wanted = ASSIGNMENTS - len(found) - len(slips)
    for i in (called_off + rng.sample(others, len(others)))[:wanted]:
        # Its truck drove for someone else meanwhile: readings that must not count here.
        other = rng.choice([trip for trip in plan.trips if trip.fate in CLOSED_FATES and trip.shipment != i])
        found.append((Leg(other.legs[0].truck, other.depart, other.arrive), i, "CANCELLED"))
    found += slips
    found.sort(key=lambda entry: (entry[0].start, entry[1], entry[0].truck))
    return [
        assignment(block, n, shipment_id(block, i), leg, status) for n, (leg, i, status) in enumerate(found, start=1)
    ]


def _slips(block: Block, rng: random.Random, plan: Schedule) -> list[tuple[Leg, int, str]]:
    closed = [trip.shipment for trip in plan.trips if trip.fate is Fate.DELIVERED]
    first, second = rng.sample(closed, 2)
    begin = _second(block.end - timedelta(hours=2))
    truck = plan.idle[-1]
    return [
        (Leg(truck, begin, begin - timedelta(hours=5)), first, "COMPLETED"),  # ends before it starts
        (Leg(UNKNOWN_VEHICLE, begin, begin + timedelta(hours=1)), second, "COMPLETED"),
        (Leg(truck, begin, begin + timedelta(hours=1)), LATE_SHIPMENT, "COMPLETED"),
    ]


def slips(block: Block, wave: int) -> dict[str, int]:
    """Return how many rows of the block must be rejected because of ``wave``, by ``<table>.<REASON>``."""
    found = {1: _SLIPS, 2: _SLIPS_OF_WAVE_2}.get(wave, {}) if block.is_latest else {}
    return {f"{table}.{reason.name}": count for (table, reason), count in found.items()}


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
