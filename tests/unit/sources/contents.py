"""Contents for tests: bytes in chunks of a given size, and pieces traced back to the bytes they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from smart_logistics.sources.pieces import Piece
from smart_logistics.sources.raw import ESCAPED

BETWEEN_LINES = re.compile(r"\s+")
BETWEEN_ELEMENTS = re.compile(r"[\s\[\],]+")
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


@dataclass
class Bytes:
    """A content that is in memory."""

    data: bytes
    step: int = 2**20
    damage: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self.data), self.step):
            yield self.data[at : at + self.step]


def raw(piece: Piece) -> bytes:
    """Return the bytes that a piece's text stands for."""
    text = piece.text.encode()
    if piece.malformed is None or ESCAPED not in piece.malformed:
        return text
    return _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1][1:], 16)]), text)


def unaccounted(data: bytes, found: list[Piece], between: re.Pattern[str]) -> bytes:
    """Return what of ``data`` is in no piece, in order, but for what may lie between pieces."""
    at, left = 0, bytearray()
    for piece in found:
        of_piece = raw(piece)
        start = data.index(of_piece, at) if of_piece else at
        # The first place may be too early where a piece repeats what stands between; what counts is the order.
        left += data[at:start]
        at = start + len(of_piece)
    left += data[at:]
    return between.sub("", left.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
