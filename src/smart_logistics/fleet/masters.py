"""Customers, trucks, drivers, warehouses, shipment types: what a fleet has before anything moves."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from smart_logistics.fleet import names
from smart_logistics.fleet.geography import CITIES, WAREHOUSE_CITIES
from smart_logistics.fleet.plan import CUSTOMERS, DRIVERS, VEHICLES, WAREHOUSES, Block

Row = dict[str, Any]
"""A source row: values by column, ``updated_at`` left to the database."""

# Never used on plates: they are taken for 1 and 0.
_SERIES = [letter for letter in string.ascii_uppercase if letter not in "IO"]
_STATES = sorted({city.code for city in CITIES.values()})
_NUMBERS = 9999


@dataclass(frozen=True)
class Limits:
    """What a shipment type allows: °C and minutes of one excursion."""

    low: float
    high: float
    minutes: int


LIMITS: Mapping[str, Limits] = {
    "Refrigerated": Limits(2, 8, 60),
    "Frozen": Limits(-25, -18, 30),
    "Pharmaceutical": Limits(2, 8, 30),
    "Perishable": Limits(0, 4, 60),
    "Ambient": Limits(15, 25, 240),
    "Dry Goods": Limits(-10, 35, 720),
}
_DESCRIPTIONS = {
    "Refrigerated": "Chilled food and drinks",
    "Frozen": "Deep-frozen food, ice cream",
    "Pharmaceutical": "Vaccines, insulin, biologicals",
    "Perishable": "Fish, meat, cut flowers",
    "Ambient": "Room temperature: chocolate, cosmetics",
    "Dry Goods": "Grain, textiles, parts",
}


def license_plate(block: Block, i: int) -> str:
    """Return the plate of the fleet's i-th truck, such as MH12AB1234; no two trucks of any fleet share one."""
    rng = block.fleet_rng(f"plate/{i}")
    series, number = divmod(block.fleet * VEHICLES + i, _NUMBERS)
    first, second = divmod((series + 37 * block.plan.seed) % len(_SERIES) ** 2, len(_SERIES))
    # Multiplying by a number that shares no factor with 9999 shuffles without repeating.
    shuffled = (number * 7919 + block.plan.seed) % _NUMBERS + 1
    return f"{rng.choice(_STATES)}{rng.randint(1, 60):02d}{_SERIES[first]}{_SERIES[second]}{shuffled:04d}"


def masters(block: Block) -> dict[str, list[Row]]:
    """Return the fleet's master rows by table; the shipment types come with the very first block only."""
    return {
        "customers": [customer(block, i) for i in range(1, CUSTOMERS + 1)],
        "drivers": [_driver(block, i) for i in range(1, DRIVERS + 1)],
        "warehouses": [_warehouse(block, i) for i in range(1, WAREHOUSES + 1)],
        "shipment_types": shipment_types() if block.index == 0 else [],
        "vehicles": [vehicle(block, i) for i in range(1, VEHICLES + 1)],
    }


def shipment_types() -> list[Row]:
    """Return the six types with their limits."""
    return [
        {
            "type_name": name,
            "min_temperature": Decimal(str(limits.low)),
            "max_temperature": Decimal(str(limits.high)),
            "max_excursion_minutes": limits.minutes,
            "description": _DESCRIPTIONS[name],
        }
        for name, limits in LIMITS.items()
    ]


def customer(block: Block, i: int) -> Row:
    """Return the fleet's i-th customer; the one after the last arrives with wave 2."""
    rng = block.fleet_rng(f"customer/{i}")
    city, owner = rng.choice(sorted(CITIES)), rng.choice(names.LAST)
    firm = f"{owner} {rng.choice(names.FIRMS)}"
    return {
        "customer_id": block.number(i),
        "name": firm,
        "email": f"orders@{firm.lower().replace(' ', '-')}-{block.number(i)}.example",
        "phone": _phone(rng),
        "address": f"{rng.randint(1, 240)}, {rng.choice(names.STREETS)}, {city}",
        "city": city,
        "created_at": _long_ago(block, rng),
    }


def _driver(block: Block, i: int) -> Row:
    rng = block.fleet_rng(f"driver/{i}")
    licence = f"{rng.choice(_STATES)}{rng.randint(1, 60):02d} {rng.randint(2002, 2022)}{rng.randrange(10**7):07d}"
    return {
        "driver_id": block.number(i),
        "name": f"{rng.choice(names.FIRST)} {rng.choice(names.LAST)}",
        "phone_number": _phone(rng),
        "license_number": licence,
        "status": rng.choice(("Available", "On Trip", "On Trip", "On Leave")),
        "rating": Decimal(rng.randint(320, 500)) / 100,
        "created_at": _long_ago(block, rng),
    }


def _warehouse(block: Block, i: int) -> Row:
    rng = block.fleet_rng(f"warehouse/{i}")
    city = CITIES[WAREHOUSE_CITIES[i - 1]]
    return {
        "warehouse_id": block.number(i),
        "name": f"{city.name} Cold Store {block.fleet + 1}",
        "city": city.name,
        "state": city.state,
        "pincode": f"{city.pin}{rng.randint(1, 120):03d}",
        "latitude": round(city.latitude + rng.uniform(-0.05, 0.05), 5),
        "longitude": round(city.longitude + rng.uniform(-0.05, 0.05), 5),
        "capacity_sqft": rng.randrange(12, 120) * 1000,
        "created_at": _long_ago(block, rng),
    }


def vehicle(block: Block, i: int) -> Row:
    """Return the fleet's i-th truck."""
    rng = block.fleet_rng(f"vehicle/{i}")
    plate = license_plate(block, i)
    kind, capacity = rng.choice(
        (("Reefer 20 ft", 9000), ("Reefer 32 ft", 15000), ("Insulated Van", 3500), ("Reefer Trailer", 24000))
    )
    return {
        "vehicle_id": block.number(i),
        # Typed by hand in the source system: some in lower case, some with a blank too many.
        "license_plate": {7: plate.lower(), 19: f" {plate} ", 33: f"{plate.lower()} "}.get(i, plate),
        "vehicle_type": kind,
        "capacity_kg": capacity,
        "has_refrigeration": kind.startswith("Reefer"),
        "status": rng.choice(("Active", "Active", "Active", "Maintenance")),
        "created_at": _long_ago(block, rng),
    }


def warehouse_of(block: Block, city: str) -> int:
    """Return the id of the fleet's warehouse in a city."""
    return block.number(WAREHOUSE_CITIES.index(city) + 1)


def _phone(rng: random.Random) -> str:
    return f"+91 {rng.randint(70000, 99999)} {rng.randrange(10**5):05d}"


def _long_ago(block: Block, rng: random.Random) -> datetime:
    # Before the first trip of the longest history, whatever --days says.
    return block.plan.anchor - timedelta(days=block.plan.days + 30, minutes=rng.randrange(60 * 24 * 700))
