"""Between `up` and the supervisor while `up` runs: ``python -m smart_logistics.stack.guard CONFIGURATION HOME``.

It starts the supervisor and reads its standard input, a pipe from `up`. A line means that `up` is done: the guard ends
and the supervisor stays. The pipe's end without a line means that `up` failed or was killed, by whatever: the guard
takes everything down.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from smart_logistics.stack.home import Home
from smart_logistics.stack.sweep import sweep

# The longest wait that a program may ask for, and a little.
_PATIENCE = 90


def main(configuration: str, root: str) -> int:
    """Run the supervisor until `up` is done or gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", configuration],
        stdin=subprocess.DEVNULL,
        # Ignored signals are inherited; the supervisor must hear them.
        preexec_fn=_hear_signals,
    )
    if sys.stdin.buffer.readline():
        return 0
    supervisor.terminate()
    try:
        supervisor.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        supervisor.kill()
    sweep(Home(Path(root), Path(root)))
    return 1


def _hear_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
