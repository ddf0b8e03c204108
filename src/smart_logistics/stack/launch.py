"""Start a program so that it dies with whoever started it, and as another user if asked. Run as a script.

usage: launch.py --death SIGNAL [--parent PID|PIDFILE] [--user NAME [--pass-through]] [--clean NAME,...] [--nice N]
                 [--environment FILE --mark TEXT] -- PROGRAM ARGS...

Standard library only, and nothing of this package: it replaces itself by PROGRAM within milliseconds.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import pwd
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        sys.exit(f"launch: {what}: {os.strerror(number)}")


def become(name: str, *, pass_through: bool) -> None:
    """Become the user ``name`` for good; ``pass_through`` keeps root's right to reach files in closed folders."""
    user = pwd.getpwnam(name)
    libc = _libc()
    if pass_through:
        # Rights survive the change of user, and access(2), by which initdb looks for its server, minds them too.
        _check(libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if not pass_through:
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable of capabilities 0 to 31, then of 32 to 63
    _check(libc.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)), "keep the right to pass through folders")
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "hand that right on")


def die_with_parent(number: int, parent: str | None) -> None:
    """Ask the kernel for signal ``number`` when the parent is gone. Linux only; elsewhere the sweep has to do."""
    if sys.platform.startswith("linux"):
        _check(_libc().prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0), "ask for the parent's death")
    # It may have died before we asked, and somebody else have adopted us.
    if parent is not None and str(os.getppid()) != parent:
        sys.exit("launch: the parent is gone already")


def main() -> None:
    """Replace this process by the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--death", required=True)
    parser.add_argument("--parent")
    parser.add_argument("--user")
    parser.add_argument("--pass-through", action="store_true")
    parser.add_argument("--clean")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--environment")
    parser.add_argument("--mark")  # says nothing here: a changed environment makes a changed command
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    os.nice(options.nice)
    environment = dict(os.environ)
    if options.environment:  # as the user who wrote it
        environment |= json.loads(Path(options.environment).read_text(encoding="utf-8"))
    parent = options.parent
    if parent and not parent.isdigit():
        parent = Path(parent).read_text(encoding="utf-8").strip()
    if options.user:
        become(options.user, pass_through=options.pass_through)
    # After the change of user, which takes the wish back.
    die_with_parent(signal.Signals[f"SIG{options.death}"], parent)
    if options.clean is not None:
        environment = {name: environment[name] for name in options.clean.split(",") if name in environment}
    os.execvpe(options.program[0], options.program, environment)  # noqa: S606 - a list, and no shell is wanted


if __name__ == "__main__":
    main()
