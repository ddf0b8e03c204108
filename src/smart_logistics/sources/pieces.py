"""A file's content becomes pieces, each a record that is a JSON object or is damaged: contract §4. Standard library.

Lines, or the elements of one array where the first line that is not blank begins with ``[``. Nothing is repaired and
nothing left out but a BOM, blank lines and what JSON has between elements. Memory is bounded by the longest record,
not by the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from smart_logistics.sources import deep_json
from smart_logistics.sources.content import Content
from smart_logistics.sources.raw import ESCAPED, MAX_RECORD_BYTES, Kept, is_blank, lossless

BOM = codecs.BOM_UTF8
_NOT_OF_A_NUMBER = re.compile(r"[^0-9.eE+-]")
_KINDS = {list: "an array", str: "a text", float: "a number", bool: "a boolean", type(None): "null"}


class Piece(NamedTuple):
    """A record's text, and its value, or why it has none."""

    text: str
    value: dict[str, Any] | None
    malformed: str | None


def pieces(content: Content) -> Iterator[Piece]:
    """Split ``content`` into its records, in order."""
    chunks = iter(content)
    buffer, at = b"", 0
    while len(buffer) < len(BOM) and (chunk := next(chunks, None)) is not None:
        buffer += chunk
    buffer = buffer.removeprefix(BOM)
    while True:
        end = buffer.find(b"\n", at)
        line = buffer[at : end if end >= 0 else len(buffer)]
        if line.lstrip(b" \t\r").startswith(b"["):
            yield from _elements(buffer[at:], chunks, content)
            return
        if end >= 0 and is_blank(line):
            at = end + 1
            continue
        buffer, at = buffer[at:], 0
        more = next(chunks, None) if end < 0 and len(buffer) <= MAX_RECORD_BYTES else None
        if more is None:
            yield from _lines(buffer, chunks, content)
            return
        buffer += more


def _lines(first: bytes, chunks: Iterator[bytes], content: Content) -> Iterator[Piece]:
    rest = Kept()
    for chunk in chain((first,), chunks):
        *complete, last = chunk.split(b"\n")
        for line in complete:
            if rest.total:
                rest.add(line)
                yield from _line(rest)
                rest = Kept()
            elif len(line) > MAX_RECORD_BYTES:
                yield from _line(Kept(line))
            elif not is_blank(line):
                yield record(line.removesuffix(b"\r"))
        if last:
            rest.add(last)
    if content.damage is None:
        yield from _line(rest)
    else:
        yield from _last_line(rest, content.damage)


def _line(line: Kept) -> Iterator[Piece]:
    if line.is_long and not line.is_blank:
        yield Piece(line.text, None, "too long" + line.note)
    elif not line.is_blank:
        yield record(line.data.removesuffix(b"\r"))


def _last_line(line: Kept, damage: str) -> Iterator[Piece]:
    """What follows the last line end of a damaged file: a record where it is complete, then the rest as one more."""
    piece = Piece(line.text, None, "too long" + line.note) if line.is_long else record(line.data)
    if piece.value is not None:
        yield piece
        piece = Piece("", None, damage)
    yield piece._replace(malformed=f"{damage}{line.note}")


def record(line: bytes) -> Piece:
    """Read one line of a file of lines, without its line end, not blank and no longer than a record may be."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return Piece(lossless(line), None, f"{ESCAPED} (at byte {error.start + 1})")
    try:
        value = deep_json.decode(text)
    except json.JSONDecodeError as error:
        return Piece(text, None, f"not JSON: {error.msg} at character {error.pos + 1}")
    return _judged(text, value)


def _judged(text: str, value: Any) -> Piece:
    if not isinstance(value, dict):
        return Piece(text, None, f"is {_KINDS[type(value)]}, not a JSON object")
    return Piece(text, value, None)


def _elements(first: bytes, chunks: Iterator[bytes], content: Content) -> Iterator[Piece]:
    window = _Window(first, chunks)
    window.skip()
    window.at += 1
    if window.skip() == "]":
        window.at += 1
    else:
        while True:
            found = window.element()
            if isinstance(found, str):
                yield window.rest(content, found)
                return
            yield found
            mark = window.skip()
            if mark not in (",", "]"):
                yield window.rest(content, "neither a comma nor a bracket after an element")
                return
            window.at += 1
            if mark == "]":
                break
            window.skip()
    rest = window.rest(content, "text after the array")
    if rest.text.strip() or content.damage is not None:
        yield rest


class _Window:
    """The part of an array that is being looked at. Bytes that are not UTF-8 travel through as lone surrogates."""

    def __init__(self, first: bytes, chunks: Iterator[bytes]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._chunks = chunks
        self._text = self._decoder.decode(first)
        self._ended = False
        self.at = 0

    def skip(self) -> str:
        """Skip JSON's white space; return the character that follows, empty at the end."""
        while True:
            self.at = deep_json.SPACE.match(self._text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self._text) or not self._more():
                return self._text[self.at : self.at + 1]

    def element(self) -> Piece | str:
        """Return the element that begins here and step over it, or say why there is none."""
        while True:
            try:
                value, end = deep_json.raw_decode(self._text, self.at)
            except json.JSONDecodeError as error:
                if self._held <= MAX_RECORD_BYTES and self._more():
                    continue
                return f"not JSON: {error.msg} at character {error.pos - self.at + 1} of the element"
            is_open = isinstance(value, float) and not _NOT_OF_A_NUMBER.search(self._text, end)
            if not is_open or self._held > MAX_RECORD_BYTES or not self._more():
                return self._stepped_over(value, end)

    def _stepped_over(self, value: Any, end: int) -> Piece | str:
        text = self._text[self.at : end]
        raw = text.encode("utf-8", "surrogateescape")
        if len(raw) > MAX_RECORD_BYTES:
            return "too long an element"
        self.at = end
        shown = lossless(raw)
        if shown != text:
            return Piece(shown, None, ESCAPED)
        return _judged(text, value)

    def rest(self, content: Content, why: str) -> Piece:
        """Take everything from here to the end of the file."""
        kept = Kept(self._text[self.at :].encode("utf-8", "surrogateescape") + self._decoder.getstate()[0])
        for chunk in self._chunks:
            kept.add(chunk)
        text = "" if kept.is_blank else kept.text
        return Piece(text, None, (content.damage or why) + kept.note)

    @property
    def _held(self) -> int:
        return len(self._text) - self.at

    def _more(self) -> bool:
        """Read about as much as is held, so that a long element is not looked at too often; False at the end."""
        if self._ended:
            return False
        parts, wanted = [self._text[self.at :]], max(1, self._held)
        while wanted > 0 and not self._ended:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            parts.append(self._decoder.decode(chunk or b"", final=self._ended))
            wanted -= len(parts[-1])
        self._text, self.at = "".join(parts), 0
        return len(self._text) > len(parts[0])
