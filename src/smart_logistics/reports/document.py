"""What a report says, apart from how it looks: sections of facts, grids, paragraphs and one chart. All of it is text.

The page and the paper show the same document, and the checksum is that of the document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """A table: head, rows of as many cells, what is said where there is no row, and how wide its columns are."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in (*self.rows, self.widths)):
            raise ValueError(f"a row of {self.head} has another number of cells")


@dataclass(frozen=True)
class Text:
    """A paragraph; ``strong`` where it must not be overlooked."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Code:
    """Text that is to be copied as it is."""

    text: str


@dataclass(frozen=True)
class Chart:
    """A chart as a Vega-Lite specification, and in words for who cannot see it."""

    specification: Mapping[str, Any]
    told: str


Part = Facts | Grid | Text | Code | Chart


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Document:
    """A whole report. ``as_of`` stands where a clock would: when the newest fact in it was written."""

    title: str
    subtitle: str
    verdict: str
    as_of: datetime
    sections: tuple[Section, ...]

    @property
    def checksum(self) -> str:
        """SHA-256 of all that is said, as hexadecimal digits."""
        told = asdict(self) | {"as_of": self.as_of.isoformat()}
        named = {"parts": [[type(part).__name__ for part in section.parts] for section in self.sections]}
        text = json.dumps([told, named], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()
