"""Wait for a file to appear, as fast as the kernel tells: steps inside the JVM last milliseconds."""

from __future__ import annotations

import ctypes
import os
import re
import select
import struct
import time
from pathlib import Path

_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_EVENT = struct.Struct("iIII")


class Watch:
    """Watches one folder for names; opened before what it waits for may come."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = re.compile(name)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(0)
        if self._libc.inotify_add_watch(self._handle, os.fsencode(folder), _IN_MOVED_TO | _IN_CREATE) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {folder}")

    def wait(self, seconds: float) -> str | None:
        """Return the name that appeared; None where none did."""
        deadline = time.monotonic() + seconds
        while select.select([self._handle], [], [], max(deadline - time.monotonic(), 0))[0]:
            for name in _names(os.read(self._handle, 65536)):
                if self._name.fullmatch(name):
                    return name
        return None

    def close(self) -> None:
        os.close(self._handle)


def _names(events: bytes) -> list[str]:
    names, at = [], 0
    while at < len(events):
        length = _EVENT.unpack_from(events, at)[3]
        at += _EVENT.size
        names.append(os.fsdecode(events[at : at + length].rstrip(b"\0")))
        at += length
    return names
