"""What a person may ask of one run beside its usual work: a layer made again, some days of it, or only the plan.

Standard library only: the DAG's form, the command line and the jobs read it. Whoever submits gives plain text; empty
text is what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from smart_logistics.contracts import gold, silver
from smart_logistics.errors import ConfigurationError

NOTHING = "nothing"
REFRESHES: Mapping[str, tuple[str, ...]] = {
    NOTHING: (),
    silver.LAYER: (silver.LAYER,),
    gold.LAYER: (gold.LAYER,),
    "silver and gold": (silver.LAYER, gold.LAYER),
}
# The fields of the form and, with dashes, the options of a job.
REFRESH, FROM_DAY, TO_DAY, DRY_RUN = "refresh", "from_day", "to_day", "dry_run"
FIELDS = (REFRESH, FROM_DAY, TO_DAY, DRY_RUN)
_TRUTH = {"": False, "false": False, "true": True}


@dataclass(frozen=True)
class Request:
    """Layers to make again, the first and last UTC day of it (None: without end), and whether only to say the plan."""

    layers: tuple[str, ...] = ()
    from_day: date | None = None
    to_day: date | None = None
    dry_run: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Request:
        """Read the fields, each a text or what the form makes of it.

        Raises:
            ConfigurationError: one of them cannot be read, or they do not go together.
        """
        text = {name: str(given[name] if given.get(name) is not None else "").strip() for name in FIELDS}
        layers = REFRESHES.get(text[REFRESH] or NOTHING)
        if layers is None:
            raise _refused(REFRESH, text[REFRESH], f"one of: {', '.join(REFRESHES)}")
        dry_run = _TRUTH.get(text[DRY_RUN].lower())
        if dry_run is None:
            raise _refused(DRY_RUN, text[DRY_RUN], "true or false")
        first, last = _day(FROM_DAY, text[FROM_DAY]), _day(TO_DAY, text[TO_DAY])
        if first and last and last < first:
            raise _refused(TO_DAY, text[TO_DAY], f"a day that is not before {FROM_DAY}, {first}")
        if (first or last) and not layers:
            raise _refused(REFRESH, NOTHING, f"a layer, where {FROM_DAY} or {TO_DAY} is given")
        return cls(layers, first, last, dry_run)

    @property
    def is_windowed(self) -> bool:
        """Whether only some days are asked for."""
        return self.from_day is not None or self.to_day is not None

    def makes_again(self, layer: str) -> bool:
        """Return whether a layer is to be made again."""
        return layer in self.layers

    def days(self, column: str, *, beside: int = 0) -> list[tuple[str, str, Any]]:
        """Return the condition that a date lies in the window, or so many days ``beside`` it."""
        found: list[tuple[str, str, Any]] = []
        if self.from_day:
            found.append((column, ">=", self.from_day - timedelta(days=beside)))
        if self.to_day:
            found.append((column, "<=", self.to_day + timedelta(days=beside)))
        return found

    def instants(self, column: str) -> list[tuple[str, str, Any]]:
        """Return the condition that an instant lies in the window."""
        found: list[tuple[str, str, Any]] = []
        if self.from_day:
            found.append((column, ">=", datetime.combine(self.from_day, time(), UTC)))
        if self.to_day:
            found.append((column, "<", datetime.combine(self.to_day + timedelta(days=1), time(), UTC)))
        return found


USUAL = Request()


def is_dry(given: Mapping[str, Any] | None) -> bool:
    """Return whether the fields, a run's conf or params, ask only for the plan; what cannot be read asks for none."""
    return _TRUTH.get(str((given or {}).get(DRY_RUN) or "").strip().lower(), False)


def option(field: str) -> str:
    """Return the option of a job that carries a field."""
    return "--" + field.replace("_", "-")


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _refused(name, text, "a day, YYYY-MM-DD") from None


def _refused(name: str, text: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"the run was asked for {name} {text!r}", remedy=f"trigger it again with {wanted}")
