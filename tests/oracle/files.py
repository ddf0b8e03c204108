"""Contract §4: a file's bytes become records: place, text and, where it is a JSON object, value."""

from __future__ import annotations

import json
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any

from tests.oracle.model import TakenFile

_NAME = re.compile(r"iot_telemetry_[0-9]{8}_[0-9]{6}_.+\.json(\.gz)?", re.DOTALL)
_BOM = b"\xef\xbb\xbf"
_JSON_SPACE = " \t\r\n"
# Every number becomes a double, however many digits it has. NaN and the infinities parse: they are judged as values.
_JSON = json.JSONDecoder(parse_int=float)


@dataclass(frozen=True)
class Record:
    """A record found in a file: its place from 1, its text, and its value (None = MALFORMED_JSON)."""

    position: int
    text: str
    value: dict[str, Any] | None


@dataclass(frozen=True)
class Content:
    """What a file holds. A FAILED one has no records."""

    status: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class LoggedFile:
    """A line of ``processed_files_log`` with the records that were taken."""

    file: TakenFile
    status: str
    records: tuple[Record, ...]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def taken_at(self) -> datetime:
        return self.file.taken_at

    @property
    def checksum(self) -> str:
        return md5(self.file.data, usedforsecurity=False).hexdigest()

    @property
    def rejected_count(self) -> int:
        return sum(record.value is None for record in self.records)


def is_taken(name: str) -> bool:
    """Return whether a file of this name is taken; others are left where they are."""
    return _NAME.fullmatch(name) is not None


def take(files: Iterable[TakenFile]) -> list[LoggedFile]:
    """Read files in the order of taking. Bytes LOADED before are a DUPLICATE; names that do not fit are left out."""
    loaded: set[bytes] = set()
    log = []
    for file in files:
        if not is_taken(file.name):
            continue
        if file.data in loaded:
            log.append(LoggedFile(file, "DUPLICATE", ()))
            continue
        content = read(file.name, file.data)
        if content.status == "LOADED":
            loaded.add(file.data)
        log.append(LoggedFile(file, content.status, content.records))
    return log


def read(name: str, data: bytes) -> Content:
    """Split a file into records; FAILED where it holds bytes but not one readable record."""
    whole = True
    if name.endswith(".gz"):
        data, whole = inflate(data)
    found = list(_pieces(data.removeprefix(_BOM), whole))
    if found and all(value is None for _, value in found):
        return Content("FAILED")
    return Content("LOADED", tuple(Record(at, text, value) for at, (text, value) in enumerate(found, 1)))


def inflate(data: bytes) -> tuple[bytes, bool]:
    """Decompress all members of a gzip file; return the readable prefix and whether that is everything."""
    out = b""
    rest = data
    while rest and (rest is data or rest.strip(b"\0")):  # zero padding may follow a member
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(rest)
        except zlib.error:
            return out + _readable(rest), False
        if not member.eof:
            return out, False
        rest = member.unused_data
    return out, True


def _readable(data: bytes) -> bytes:
    """All that a damaged member gives. Byte by byte, for a call that meets the damage gives nothing."""
    member = zlib.decompressobj(wbits=31)
    out = bytearray()
    for at in range(len(data)):
        try:
            out += member.decompress(data[at : at + 1])
        except zlib.error:
            break
    return bytes(out)


def _pieces(body: bytes, whole: bool) -> Iterator[tuple[str, dict[str, Any] | None]]:
    start = 0
    for line in body.split(b"\n"):
        if not _blank(line):
            if line.lstrip(_JSON_SPACE.encode()).startswith(b"["):
                # Bytes that are not UTF-8 travel through the decoder as lone surrogates and are found again afterwards.
                text = body[start:].decode("utf-8", "surrogateescape")
                return _elements(text.lstrip(_JSON_SPACE), whole)
            break
        start += len(line) + 1
    return _lines(body, whole)


def _lines(body: bytes, whole: bool) -> Iterator[tuple[str, dict[str, Any] | None]]:
    *complete, last = body.split(b"\n")
    if whole:
        complete.append(last)
    for line in complete:
        if not _blank(line):
            yield _record(line.removesuffix(b"\r"))
    if not whole:
        text, value = _record(last)
        if value is not None:
            yield text, value
            text = ""
        yield text, None


def _elements(text: str, whole: bool) -> Iterator[tuple[str, dict[str, Any] | None]]:
    at = _skip(text, 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        while True:
            try:
                value, end = _deep(_JSON.raw_decode, text, at)
            except ValueError:
                yield _shown(text[at:]), None
                return
            element = text[at:end]
            yield _shown(element), value if isinstance(value, dict) and _is_utf8(element) else None
            at = _skip(text, end)
            mark = text[at : at + 1]
            if mark not in (",", "]"):
                yield _shown(text[at:]), None
                return
            at += 1
            if mark == "]":
                break
            at = _skip(text, at)
    if text[at:].strip() or not whole:
        yield _shown(text[at:]), None


def _record(line: bytes) -> tuple[str, dict[str, Any] | None]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("utf-8", "replace"), None
    try:
        value = _deep(_JSON.decode, text)
    except ValueError:
        return text, None
    return text, value if isinstance(value, dict) else None


def _deep(read: Callable[..., Any], *arguments: Any) -> Any:
    """Read JSON of any depth (that a test has the patience for): with a stack of its own where the usual one ends."""
    try:
        return read(*arguments)
    except RecursionError:
        with ThreadPoolExecutor(1) as own, _stack_of(2**29):
            return own.submit(read, *arguments).result()


@contextmanager
def _stack_of(size: int) -> Iterator[None]:
    depth, stack = sys.getrecursionlimit(), threading.stack_size(size)
    sys.setrecursionlimit(200_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(depth)
        threading.stack_size(stack)


def _blank(line: bytes) -> bool:
    try:
        return not line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return False


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _JSON_SPACE:
        at += 1
    return at


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
