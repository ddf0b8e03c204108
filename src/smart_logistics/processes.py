"""How processes are ended: asked first, so that they close what they have open, and killed where they do not listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil

_KILL_SECONDS = 10.0


def end(processes: Sequence[psutil.Process], grace: float) -> list[psutil.Process]:
    """End processes, all at once: SIGTERM, up to ``grace`` seconds to close, SIGKILL. Return those that were killed.

    psutil names a process by its pid and its start, so that whoever got the pid of one that has gone is left alone.
    """
    for process in processes:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=grace)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=_KILL_SECONDS)
    return list(stubborn)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
