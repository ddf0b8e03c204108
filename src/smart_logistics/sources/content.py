"""A claimed file's content as a stream of chunks: opened without following links, decompressed, bounded, checked.

Standard library only. Damage is no error here: what can be read is given, then ``damage`` says why that is not all.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from hashlib import md5
from pathlib import Path
from typing import BinaryIO, Protocol

from smart_logistics.sources.raw import MAX_CONTENT_BYTES

CHUNK_BYTES = 2**20
_ZIPPED_CHUNK_BYTES = 2**16


class Content(Protocol):
    """Chunks of bytes; once they are all read, ``damage`` tells why they are not everything, or None."""

    damage: str | None

    def __iter__(self) -> Iterator[bytes]: ...


class ContentChangedError(Exception):
    """The file's bytes are no longer those that were hashed; nothing may be concluded from them."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read, unbuffered.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe, a device or a folder.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(handle, "rb", buffering=0)


def digest(path: Path) -> tuple[str, int]:
    """Return the MD5 and the size of a file's bytes; OSError where they cannot be read."""
    total, size = md5(usedforsecurity=False), 0
    with open_regular(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            total.update(chunk)
            size += len(chunk)
    return total.hexdigest(), size


class FileContent:
    """The content of a file whose size and MD5 are known; iterate once.

    Raises (while iterated):
        OSError: it cannot be read.
        ContentChangedError: its bytes are not those of ``checksum``.
    """

    def __init__(self, path: Path, size: int, checksum: str, *, zipped: bool, limit: int = MAX_CONTENT_BYTES) -> None:
        self.damage: str | None = None
        self._path, self._size, self._checksum = path, size, checksum
        self._zipped, self._limit = zipped, limit

    def __iter__(self) -> Iterator[bytes]:
        raw = self._raw()
        yield from self._bounded(self._inflated(raw) if self._zipped else raw)
        for _ in raw:  # what is not read is hashed all the same
            pass

    def _raw(self) -> Iterator[bytes]:
        total, left = md5(usedforsecurity=False), self._size
        step = _ZIPPED_CHUNK_BYTES if self._zipped else CHUNK_BYTES
        with open_regular(self._path) as file:
            while left and (chunk := file.read(min(step, left))):
                total.update(chunk)
                left -= len(chunk)
                yield chunk
        if total.hexdigest() != self._checksum:
            raise ContentChangedError(f"{self._path} has changed since it was hashed")

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        left = self._limit
        for chunk in chunks:
            if len(chunk) > left:
                yield chunk[:left]
                self.damage = f"the file holds more than {self._limit} bytes; what follows was not read"
                return
            left -= len(chunk)
            yield chunk

    def _inflated(self, raw: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress all members. Zeros may follow the last one; anything else after a member is damage."""
        member: zlib._Decompress | None = None
        first, padded = True, False
        for data in raw:
            chunk = data
            while chunk:
                if member is None:
                    if not first:
                        rest = chunk.lstrip(b"\0")
                        padded = padded or len(rest) < len(chunk)
                        if not rest:
                            break
                        if padded:
                            self.damage = "gzip: bytes after the padding of the last member"
                            return
                    member, first = zlib.decompressobj(wbits=31), False
                try:
                    yield from _drawn(member, chunk)
                except zlib.error as error:
                    self.damage = f"gzip: {error}"
                    return
                chunk = member.unused_data if member.eof else b""
                if member.eof:
                    member = None
        if member is not None:
            self.damage = "gzip: the data end too early"


def _drawn(member: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    """Give one compressed chunk to ``member`` and draw what it gives in pieces of bounded size."""
    while True:
        before = member.copy()
        try:
            out = member.decompress(chunk, CHUNK_BYTES)
        except zlib.error:
            yield from _up_to_the_damage(before, chunk)
            raise
        yield out
        chunk = member.unconsumed_tail
        # All input taken and the output full: more of it may be waiting inside.
        if member.eof or (not chunk and len(out) < CHUNK_BYTES):
            return


def _up_to_the_damage(member: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    """Byte by byte, because a call that meets the damage gives nothing of what came before it."""
    out = bytearray()
    for at in range(-1, len(chunk)):  # at first with nothing: output may be waiting
        try:
            out += member.decompress(chunk[at : at + 1] if at >= 0 else b"")
        except zlib.error:
            break
        if len(out) > CHUNK_BYTES:
            yield bytes(out)
            out.clear()
    yield bytes(out)
