"""Which files of a folder anyone opens meanwhile, by Linux's inotify."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_IN_OPEN, _IN_IGNORED, _IN_Q_OVERFLOW = 0x20, 0x8000, 0x4000
_EVENT = struct.Struct("iIII")


@dataclass
class Opened:
    """Sizes of the files that were there at the start and that were opened since."""

    sizes: dict[Path, int] = field(default_factory=dict)


@contextmanager
def watching(folder: Path) -> Iterator[Opened]:
    """Watch a folder and all folders in it; what is known at the end is complete."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_CLOEXEC)
    if handle < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    there = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    places = {}
    for path in {path.parent for path in there}:
        watch = libc.inotify_add_watch(handle, os.fsencode(path), _IN_OPEN)
        if watch < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {path}: see fs.inotify.max_user_watches")
        places[watch] = path
    found = Opened()
    reader = threading.Thread(target=_read, args=(handle, places, there, found), daemon=True)
    reader.start()
    try:
        yield found
    finally:
        # What ends the watches is queued behind all that they saw.
        for watch in places:
            libc.inotify_rm_watch(handle, watch)
        reader.join()
        os.close(handle)


def _read(handle: int, places: dict[int, Path], there: dict[Path, int], found: Opened) -> None:
    watched = len(places)
    while watched:
        data = os.read(handle, 1 << 20)
        at = 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            if mask & _IN_Q_OVERFLOW:
                raise OverflowError("more files were opened than inotify remembers")
            if mask & _IN_IGNORED:
                watched -= 1
            elif name and (path := places[watch] / os.fsdecode(name)) in there:
                found.sizes[path] = there[path]
