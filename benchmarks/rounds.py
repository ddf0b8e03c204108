"""Two sides taking turns: what disturbs the machine for a while disturbs both."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def options(purpose: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark is told: where to write, how often, and whether small."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file for what was measured")
    parser.add_argument("--rounds", type=int, default=rounds, help="measured rounds (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="a scale that only shows that it works")
    return parser


def interleaved(sides: Mapping[str, Callable[[int], T]], rounds: int, *, warm_up: int = 1) -> dict[str, list[T]]:
    """Let each side measure once in each round, and return what each found.

    The first ``warm_up`` rounds (numbers below 0) do not count. The order turns round from one round to the next.
    """
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(-warm_up, rounds):
        names = list(sides) if number % 2 else list(sides)[::-1]
        for name in names:
            began = time.monotonic()
            one = sides[name](number)
            say(f"{'warm-up' if number < 0 else f'round {number + 1}/{rounds}'}: {name}", time.monotonic() - began)
            if number >= 0:
                found[name].append(one)
    return found


def measured(sides: Mapping[str, Callable[[int], T]], wanted: argparse.Namespace) -> dict[str, list[T]]:
    """Take turns as the options say: a small scale is one round, and that counts."""
    return interleaved(sides, 1, warm_up=0) if wanted.small else interleaved(sides, wanted.rounds)


def say(what: str, seconds: float | None = None) -> None:
    """Tell on stderr how far it is."""
    print(f"  {what}" + ("" if seconds is None else f": {seconds:.1f} s"), file=sys.stderr, flush=True)
