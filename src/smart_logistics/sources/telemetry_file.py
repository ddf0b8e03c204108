"""One telemetry file: its records one by one, and at the end what is to be logged of it. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smart_logistics.sources.content import Content
from smart_logistics.sources.pieces import Piece, pieces

# Damage before the first readable record is held back, for a file without one has failed and gives no dead letters.
_MOST_HELD_PIECES = 1000
_MOST_HELD_CHARACTERS = 4 * 2**20


class FileRecords:
    """The records of a file with their positions from 1; nothing where not one of them can be read.

    Iterate once; then ``found`` and ``rejected`` count the records, and ``error`` says why the file has FAILED, or is
    None.
    """

    def __init__(self, open_content: Callable[[], Content]) -> None:
        self.found = 0
        self.rejected = 0
        self.error: str | None = None
        self._open = open_content

    def __iter__(self) -> Iterator[tuple[int, Piece]]:
        held: list[tuple[int, Piece]] = []
        room = _MOST_HELD_CHARACTERS
        is_loaded = False
        for position, piece in enumerate(pieces(self._open()), 1):
            self.found = position
            self.rejected += piece.value is None
            if is_loaded:
                yield position, piece
                continue
            held.append((position, piece))
            room -= len(piece.text)
            if piece.value is None and room > 0 and len(held) < _MOST_HELD_PIECES:
                continue
            if piece.value is None and all(later.value is None for later in pieces(self._open())):
                break
            is_loaded = True
            yield from held
            held.clear()
        if held:
            self.error = f"holds not one readable record; the first: {held[0][1].malformed}"
            self.found = self.rejected = 0
