"""Where every byte of a file went, found without the product's splitter.

The raw texts of a file's records and dead letters are laid over its content in their order. What lies between two of
them may only be what contract §4 says is nothing: a BOM at the start, line ends, blank lines and, of an array, its
brackets, one comma between two elements and JSON's white space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
_ESCAPED = r"not UTF-8, shown as \xNN and \\"
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")
_LENGTH = re.compile(r"; ([0-9]+) bytes, a record has at most ")
_BETWEEN = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")
_OPENING = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_CLOSING = re.compile(rb"[ \t\r\n]*[],]?")


@dataclass(frozen=True)
class Account:
    """Bytes in no text, and texts that are not where they would have to be: invented, doubled or changed."""

    unaccounted: int = 0
    misplaced: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(self.unaccounted + other.unaccounted, self.misplaced + other.misplaced)


def account(data: bytes, texts: Sequence[tuple[str, str | None]]) -> Account:
    """Lay ``texts`` over ``data``; each is a raw text and, of a dead letter, its detail."""
    is_array = _first_line(data).lstrip(b" \t\r").startswith(b"[")
    at, total = 0, Account()
    for number, (text, detail) in enumerate(texts, 1):
        raw, length = _laid(text, detail)
        start = data.find(raw, at)
        if start < 0:
            total += Account(misplaced=1)
        elif raw:
            # Only what follows a whole array may follow its closing bracket, and that is one text.
            is_rest = detail is not None and number == len(texts)
            between = _between_elements if is_array else _between_lines
            total += between(data[at:start], is_first=at == 0, is_rest=is_rest)
            at = start + length
    return total + _after(data[at:], is_array=is_array, is_all=at == 0)


def _first_line(data: bytes) -> bytes:
    lines = data.removeprefix(_BOM).split(b"\n")
    return next((line for line in lines if not _is_blank(line)), b"")


def _laid(text: str, detail: str | None) -> tuple[bytes, int]:
    """Return the bytes that a text stands for, and how many bytes it accounts for: more, where it is but the head."""
    raw = text.encode()
    if detail is not None and _ESCAPED in detail:
        raw = _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes.fromhex(m[1][1:].decode()), raw)
    length = _LENGTH.search(detail or "")
    return raw, int(length[1]) if length else len(raw)


def _between_elements(gap: bytes, *, is_first: bool, is_rest: bool) -> Account:
    left = _without_blank_lines(gap.removeprefix(_BOM)) if is_first else gap
    wanted = _OPENING if is_first else _BETWEEN
    if wanted.fullmatch(left) or (is_rest and wanted.fullmatch(left.rstrip(b" \t\r\n").removesuffix(b"]"))):
        return Account()
    return Account(unaccounted=max(1, len(left.strip(b"[], \t\r\n"))))


def _between_lines(gap: bytes, *, is_first: bool, is_rest: bool) -> Account:
    left = _not_blank(gap.removeprefix(_BOM) if is_first else gap)
    return Account(left, int(not is_first and b"\n" not in gap))


def _after(gap: bytes, *, is_array: bool, is_all: bool) -> Account:
    if is_array:
        if is_all:
            gap = _without_blank_lines(gap.removeprefix(_BOM))
            opening = _OPENING.match(gap)
            if opening is None:
                return Account(len(gap))
            gap = gap[opening.end() :]
        gap = gap[_CLOSING.match(gap).end() :]  # type: ignore[union-attr]
    return Account(_not_blank(gap.removeprefix(_BOM) if is_all else gap))


def _without_blank_lines(gap: bytes) -> bytes:
    lines = gap.split(b"\n")
    while len(lines) > 1 and _is_blank(lines[0]):
        del lines[0]
    return b"\n".join(lines)


def _not_blank(gap: bytes) -> int:
    return sum(len(line) for line in gap.split(b"\n") if not _is_blank(line))


def _is_blank(line: bytes) -> bool:
    try:
        return not line.decode().strip()
    except UnicodeDecodeError:
        return False
