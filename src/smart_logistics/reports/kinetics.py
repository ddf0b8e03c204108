"""The mean kinetic temperature once more, from the readings of the report: a second witness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from smart_logistics.contracts.rules import MKT_ACTIVATION_KELVIN, ZERO_CELSIUS_KELVIN
from smart_logistics.views.journey import Reading

FORMULA = "MKT = (ΔH/R) ÷ −ln( Σ w·exp(−ΔH/(R·T)) ÷ Σ w ) − 273.15"
EXPLAINED = (
    "ΔH/R = {kelvin} K (ΔH 83.144 kJ/mol, R 8.3144 J/mol/K), T in kelvin, 0 °C = 273.15 K. The mean of "
    "exp(−ΔH/(R·T)) is weighted by time: the trapezoid over each time between two consecutive readings that is at "
    "most {hold} long; longer gaps carry no weight. Where no such time is there, all readings count alike."
).format(kelvin=f"{MKT_ACTIVATION_KELVIN:,.0f}", hold="{hold}")
# Two ways of adding the same doubles agree to far less than a logger resolves.
AGREES_C = 1e-6


def mean_kinetic_temperature(readings: Sequence[Reading], hold: timedelta) -> float | None:
    """Return it in °C for readings in order of time; None where there is none."""
    if not readings:
        return None
    factors = [math.exp(-MKT_ACTIVATION_KELVIN / (one.temperature + ZERO_CELSIUS_KELVIN)) for one in readings]
    weighed = weight = 0.0
    for (first, then), (low, high) in zip(pairwise(readings), pairwise(factors), strict=True):
        gap = (then.at - first.at) / timedelta(microseconds=1)
        if 0 < gap <= hold / timedelta(microseconds=1):
            weighed += (low + high) / 2 * gap
            weight += gap
    mean = weighed / weight if weight else sum(factors) / len(factors)
    return MKT_ACTIVATION_KELVIN / -math.log(mean) - ZERO_CELSIUS_KELVIN


def agrees(told: float | None, found: float | None) -> bool:
    """Return whether both say the same."""
    if told is None or found is None:
        return told is found
    return abs(told - found) <= AGREES_C
