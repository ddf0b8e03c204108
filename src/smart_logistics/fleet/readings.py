"""What the trucks' loggers measure on a trip, with the trip's excursion and fault in it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from smart_logistics.fleet.geography import Point
from smart_logistics.fleet.masters import LIMITS, license_plate
from smart_logistics.fleet.plan import Block
from smart_logistics.fleet.scenarios import RUNNING_LATER, Place, Scenario
from smart_logistics.fleet.trips import Fault, Leg, Trip

# A logger is switched on before the trip and off after it: these readings belong to no shipment.
YARD_READINGS = 2
NONSENSE_C = (85.0, -55.5, 127.94, -127.0)
NO_PLACE = ((91.5, 77.2), (-95.25, 80.1), (28.6, 190.5), (19.1, -181.0))
# Degrees: more than 250 km, in minutes.
FAR_OFF = 3.0
WITHHELD_READINGS = 5


@dataclass(frozen=True)
class Reading:
    """A reading as Silver shall hold it: plate, UTC instant, °C, degrees (None = not sent)."""

    truck_id: str
    event_ts: datetime
    temperature: float
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True)
class Sample:
    """A reading, whether its gateway holds it back until wave 2, and whether it lies within its truck's assignment."""

    reading: Reading
    withheld: bool = False
    counted: bool = True


@dataclass(frozen=True)
class PlantedExcursion:
    """What a scenario must show in Gold once its readings have come."""

    shipment: int
    truck_id: str
    started_at: datetime
    minutes: float
    peak_temperature: float
    peak_deviation: float


def trip_samples(block: Block, trip: Trip) -> tuple[list[Sample], list[PlantedExcursion]]:
    """Return all readings of the trip, also those yet to come, each truck's in order, and what is planted."""
    rng = block.rng(f"readings/{trip.shipment}")
    samples = [sample for leg in trip.legs for sample in _leg_samples(block, rng, trip, leg)]
    if trip.scenario is not None:
        return _with_excursion(block, rng, trip, trip.scenario, samples)
    if trip.fault is not None:
        samples = _with_fault(rng, trip.fault, samples)
    return samples, []


def ping(block: Block, rng: random.Random, trip: Trip, leg: Leg, instant: datetime, temperature: float) -> Reading:
    """Return what a truck reports at ``instant``: its place on the route, some 100 m uncertain, or none."""
    latitude, longitude = _place(trip, leg, instant)
    has_fix = rng.random() > 0.01
    return Reading(
        license_plate(block, leg.truck),
        instant,
        temperature,
        round(latitude + rng.uniform(-0.001, 0.001), 5) if has_fix else None,
        round(longitude + rng.uniform(-0.001, 0.001), 5) if has_fix else None,
    )


def calm(rng: random.Random, type_name: str, hours: float) -> float:
    """Return a temperature well within the limits: the middle, a slow swing of the cooling, and noise."""
    limits = LIMITS[type_name]
    width = limits.high - limits.low
    return round((limits.low + limits.high) / 2 + width * (0.2 * math.sin(hours / 1.7) + rng.uniform(-0.12, 0.12)), 2)


def _place(trip: Trip, leg: Leg, instant: datetime) -> Point:
    # Before its leg a truck waits where the leg begins, after it where the leg ends.
    return trip.route.at(trip.travelled_km(min(max(instant, leg.start), leg.end or instant)))


def _leg_samples(block: Block, rng: random.Random, trip: Trip, leg: Leg) -> Iterator[Sample]:
    exact = trip.scenario is not None and trip.scenario.exact
    end = leg.end or trip.arrive
    for k in range(-YARD_READINGS, int((end - leg.start) / trip.cadence) + YARD_READINGS + 1):
        instant = leg.start + k * trip.cadence + timedelta(seconds=0 if exact else rng.randint(0, 45))
        counted = leg.start <= instant < end
        inside = calm(rng, trip.type_name, (instant - trip.depart) / timedelta(hours=1))
        # The yard is warm: if these readings counted, every cold shipment would be in alert.
        temperature = inside if counted else round(rng.uniform(26.0, 34.0), 2)
        yield Sample(ping(block, rng, trip, leg, instant, temperature), counted=counted)


def _with_excursion(
    block: Block, rng: random.Random, trip: Trip, scenario: Scenario, samples: list[Sample]
) -> tuple[list[Sample], list[PlantedExcursion]]:
    counted = sorted((s for s in samples if s.counted), key=_time)
    others = [s for s in samples if not s.counted]
    first = _begin(block, rng, trip, scenario, counted)
    if scenario.silence:
        begin = _time(counted[first + 1])
        silent = begin + timedelta(minutes=scenario.silence)
        counted = [s for s in counted if not begin < _time(s) < silent]
    planted = [_plant(trip, counted, first, _profile(scenario.readings, scenario.deviation))]
    after = first + scenario.readings
    if scenario.again:
        planted.append(_plant(trip, counted, after + 3, [scenario.again]))
    if scenario.place is Place.NOW:
        _plant(trip, counted, after, [2.0, 4.5, RUNNING_LATER, *[3.0] * (len(counted) - after - 3)])
    if scenario.place is Place.WITHHELD:
        counted[first - 1 : after + 1] = [replace(s, withheld=True) for s in counted[first - 1 : after + 1]]
    samples = sorted([*counted, *others], key=lambda s: (s.reading.truck_id, _time(s)))
    return samples, [] if scenario.place is Place.NOW else planted


def _begin(block: Block, rng: random.Random, trip: Trip, scenario: Scenario, counted: Sequence[Sample]) -> int:
    """Return the position of the excursion's first reading among those that count."""
    if scenario.place is Place.AT_THE_END:
        return len(counted) - scenario.readings
    if scenario.place is Place.NOW:
        return sum(_time(s) < telemetry_end(block) for s in counted) - scenario.readings
    if trip.handover is not None:
        taken_over = sum(_time(s) < trip.handover for s in counted)
        return taken_over + 3 if scenario.place is Place.AFTER_HANDOVER else taken_over - scenario.readings // 2
    return min(int(len(counted) * rng.uniform(0.3, 0.55)), len(counted) - scenario.readings - 6)


def telemetry_end(block: Block) -> datetime:
    """Return the instant before which the readings of wave 1 lie: the gateway needs a moment to send them."""
    return block.end - timedelta(minutes=5)


def _profile(readings: int, deviation: float) -> list[float]:
    """Return a rise and fall with one peak of exactly ``deviation``."""
    rise = [math.sin(math.pi * (k + 1) / (readings + 1)) for k in range(readings)]
    return [deviation if k == (readings - 1) // 2 else deviation * min(0.92, max(0.3, r)) for k, r in enumerate(rise)]


def _plant(trip: Trip, counted: list[Sample], first: int, deviations: Sequence[float]) -> PlantedExcursion:
    """Put temperatures beyond the limits into ``counted``, from ``first`` on; return what must be found."""
    limits = LIMITS[trip.type_name]
    for k, deviation in enumerate(deviations, start=first):
        reading = counted[k].reading
        leg = next(leg for leg in reversed(trip.legs) if leg.start <= reading.event_ts)
        latitude, longitude = _place(trip, leg, reading.event_ts)
        warm = round((limits.high if deviation > 0 else limits.low) + deviation, 2)
        # An excursion always knows its place: the summary names the nearest city.
        counted[k] = replace(
            counted[k],
            reading=replace(reading, temperature=warm, latitude=round(latitude, 5), longitude=round(longitude, 5)),
        )
    run = counted[first : first + len(deviations) + 1]
    holds = [min((_time(b) - _time(a)) / timedelta(minutes=1), 60.0) for a, b in pairwise(run)]
    peak = max(range(len(deviations)), key=lambda k: abs(deviations[k]))
    reading = run[peak].reading
    return PlantedExcursion(
        trip.shipment, reading.truck_id, _time(run[0]), sum(holds), reading.temperature, abs(deviations[peak])
    )


def _with_fault(rng: random.Random, fault: Fault, samples: list[Sample]) -> list[Sample]:
    """Return the samples with one reading, or a stretch of them, that suffers from ``fault``."""
    good = [
        i for i in range(len(samples) // 3, 2 * len(samples) // 3)
        if all(s.counted and s.reading.latitude is not None for s in samples[i - 1 : i + 2])
    ]  # fmt: skip
    at = rng.choice(good)
    reading = samples[at].reading
    if fault is Fault.TEMPERATURE:
        samples[at] = replace(samples[at], reading=replace(reading, temperature=rng.choice(NONSENSE_C)))
    elif fault is Fault.GPS:
        latitude, longitude = rng.choice(NO_PLACE)
        samples[at] = replace(samples[at], reading=replace(reading, latitude=latitude, longitude=longitude))
    elif fault is Fault.WITHHELD:
        last = at + WITHHELD_READINGS
        samples[at:last] = [replace(s, withheld=True) for s in samples[at:last]]
    else:
        far = round((reading.latitude or 0.0) + rng.choice((-FAR_OFF, FAR_OFF)), 5)
        samples[at] = replace(samples[at], reading=replace(reading, latitude=far))
        if fault is Fault.DOUBTED:
            confirming = replace(reading, event_ts=reading.event_ts + timedelta(minutes=1), latitude=far + 0.002)
            samples.insert(at + 1, Sample(confirming, withheld=True))
    return samples


def _time(sample: Sample) -> datetime:
    return sample.reading.event_ts
