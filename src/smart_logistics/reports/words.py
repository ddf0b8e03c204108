"""Values as a report writes them: numbers, instants in UTC and one local time, texts from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smart_logistics.errors import ConfigurationError

NOTHING = "–"


@dataclass(frozen=True)
class Clock:
    """Writes instants in UTC, and beside it in a time zone of the site where there is one."""

    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(
                f"{self.zone[:100]!r} is no time zone", remedy="write it as Asia/Kolkata"
            ) from None

    def at(self, moment: datetime | None) -> str:
        """Return an instant to the second, to the microsecond where it has one."""
        if moment is None:
            return NOTHING
        utc = _instant(moment.astimezone(UTC))
        if self.zone == "UTC":
            return f"{utc} UTC"
        local = moment.astimezone(ZoneInfo(self.zone))
        return f"{utc} UTC ({_instant(local)} {local:%z})"


def _instant(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds" if moment.microsecond else "seconds")


def number(value: Any, unit: str = "", digits: int = 2) -> str:
    """Return a number with at most ``digits`` decimals and its unit; a dash where there is none."""
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    return f"{text.replace('-', '−')} {unit}".rstrip()


def minutes(value: float | timedelta | None) -> str:
    """Return a time span in minutes, and in hours where it is long."""
    if value is None:
        return NOTHING
    told = value / timedelta(minutes=1) if isinstance(value, timedelta) else value
    return number(told, "min", 1) + (f" ({number(told / 60, 'h', 1)})" if abs(told) >= 180 else "")


def share(value: float | None) -> str:
    """Return a share as per cent, cut and never rounded up: 99.99 % is not all."""
    return NOTHING if value is None else number(int(value * 10_000) / 100, "%")


def text(value: Any) -> str:
    """Return a text from outside with whatever is invisible spelt out, so that nothing hides or turns the rest."""
    if value is None or value == "":
        return NOTHING
    return "".join(c if c in "\n\u200c\u200d" or category(c)[0] != "C" else _spelt(c) for c in str(value))


def _spelt(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"
