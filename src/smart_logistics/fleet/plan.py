"""What fleet is wanted, cut into blocks that are generated one at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from smart_logistics.errors import ConfigurationError

CUSTOMERS, ORDERS, SHIPMENTS, VEHICLES, DRIVERS, WAREHOUSES = 50, 150, 100, 50, 30, 20
ASSIGNMENTS = 120
PERIOD_DAYS = 14
LEAST_DAYS, MOST_DAYS, MOST_SCALE = 3, 3660, 9999
# Wave 1 ends this long before the anchor, and wave 2 fills it: what a wave tells may not lie in the future,
# and the newest reading of wave 1 must be less than two hours old even at the end of the anchor's hour.
WAVE_2 = timedelta(minutes=45)
LAST_WAVE = 3


@dataclass(frozen=True)
class Plan:
    """A fleet: its seed, how many times the sample size, days of history, and the hour at which it was made."""

    seed: int
    scale: int
    days: int
    anchor: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.scale <= MOST_SCALE:
            raise ConfigurationError(f"--scale {self.scale} is not usable", remedy=f"choose 1 to {MOST_SCALE}")
        if not LEAST_DAYS <= self.days <= MOST_DAYS:
            raise ConfigurationError(f"--days {self.days} is not usable", remedy=f"choose {LEAST_DAYS} to {MOST_DAYS}")

    @property
    def periods(self) -> int:
        """How many stretches of about a fortnight the history has; each brings its own orders and trips."""
        return math.ceil(self.days / PERIOD_DAYS)

    @property
    def wave_1_end(self) -> datetime:
        """The instant up to which wave 1 tells."""
        return self.anchor - WAVE_2

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks, the oldest period first."""
        for era in range(self.periods):
            for fleet in range(self.scale):
                yield Block(self, fleet, era)


def anchor_of(now: datetime) -> datetime:
    """Return the full hour before ``now``, in UTC."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Block:
    """One fleet of the sample size in one period (era 0 is the oldest). Trucks and customers live through all eras."""

    plan: Plan
    fleet: int
    era: int

    @property
    def index(self) -> int:
        """Number of the block, from 0, in the order of generation."""
        return self.era * self.plan.scale + self.fleet

    @property
    def is_first(self) -> bool:
        """Whether the fleet's masters (customers, trucks, drivers, warehouses) come with this block."""
        return self.era == 0

    @property
    def is_latest(self) -> bool:
        """Whether the period ends now: only there shipments are under way, and only there waves 2 and 3 happen."""
        return self.era == self.plan.periods - 1

    @property
    def start(self) -> datetime:
        """Begin of the period; nothing is told by telemetry before it."""
        return (
            self.end - timedelta(days=self.plan.days) / self.plan.periods + (WAVE_2 if self.is_latest else timedelta())
        )

    @property
    def end(self) -> datetime:
        """End of the period in wave 1."""
        back = self.plan.periods - 1 - self.era
        return (
            self.plan.wave_1_end
            if back == 0
            else self.plan.anchor - back * timedelta(days=self.plan.days) / self.plan.periods
        )

    def rng(self, purpose: str) -> random.Random:
        """Return a generator of its own for each purpose: a change in one leaves the others alone."""
        return random.Random(f"{self.plan.seed}/{self.fleet}/{self.era}/{purpose}")  # noqa: S311 - sample data, no secret

    def fleet_rng(self, purpose: str) -> random.Random:
        """Return a generator for what all eras of a fleet share."""
        return random.Random(f"{self.plan.seed}/{self.fleet}/{purpose}")  # noqa: S311 - sample data, no secret

    def number(self, i: int) -> int:
        """Return the id of the fleet's i-th customer, truck, driver or warehouse (i from 1 to 99)."""
        return self.fleet * 100 + i

    def text_id(self, prefix: str, i: int) -> str:
        """Return the id of the block's i-th order or shipment (i from 1 to 999)."""
        return f"{prefix}-{self.fleet + 1:04d}-{self.era * 1000 + i:06d}"

    def assignment_id(self, i: int) -> int:
        """Return the id of the block's i-th assignment (i from 1 to 999)."""
        return self.index * 1000 + i

    def event_id(self, i: int) -> int:
        """Return the id of the block's i-th historic event (i from 1 to 9999)."""
        return self.index * 10_000 + i
