"""Run a command that may not outlive its parent: ``tether.py PARENT_PID COMMAND [ARGUMENTS…]``.

The kernel tells this process when its parent dies, however it dies; it then ends the command, SIGTERM first so that
Spark closes properly, SIGKILL after a grace. Should this process itself be killed, the kernel ends the command. It
leaves its parent's process group: Airflow kills that five seconds after it has asked, and nobody would be left to kill
a driver that does not listen. A script of the standard library that is run by its path, so that it starts in
milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

# With the three seconds until a task hears that it is to end, a driver is gone within ten.
GRACE_SECONDS = 5.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIGNALLED = 128
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Let the kernel send this process SIGTERM when ``parent``, its parent, is gone; also if it is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It died before the kernel knew that we care.
        os.kill(os.getpid(), signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group of ``process``: ask, wait, kill."""
    deadline = time.monotonic() + GRACE_SECONDS
    alive = _signal_group(process, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        _reap(process)
        alive = _signal_group(process, 0)
    if alive:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Take note of the dead: the leader, and then those that it left to us."""
    if process.poll() is None:
        return
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def main(argv: list[str]) -> int:
    """Run the command and return its exit code; 128 + n where signal n ended it or us."""
    waited_for = {signal.SIGCHLD, *_ENDING}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    with contextlib.suppress(PermissionError):  # whoever leads a session is in a group of its own
        os.setsid()
    die_with_parent(int(argv[1]))
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    me = os.getpid()

    def in_child() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        die_with_parent(me)

    with subprocess.Popen(argv[2:], start_new_session=True, preexec_fn=in_child) as process:
        code = process.poll()
        while code is None:
            received = signal.sigwait(waited_for)
            if received in _ENDING:
                _end(process)
                return _SIGNALLED + received
            code = process.poll()
        _end(process)  # what the leader left behind
    return code if code >= 0 else _SIGNALLED - code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
