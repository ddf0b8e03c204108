"""Find and end whatever still belongs to a stack: processes carry its mark in their environment."""

from __future__ import annotations

import os

import psutil

from smart_logistics import processes
from smart_logistics.stack.home import Home
from smart_logistics.stack.program import MARKER


def leftovers(home: Home) -> list[psutil.Process]:
    """Return the living processes of this home, without this one and those above it."""
    above = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in above:
            continue
        try:
            if process.environ().get(MARKER) == str(home.root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return found


def sweep(home: Home, patience: float = 10) -> int:
    """End the leftovers: ask, wait ``patience`` seconds, kill. Return how many there were."""
    found = leftovers(home)
    processes.end(found, patience)
    return len(found)
