"""What a supervised process is, and how a one-off command runs with the same safety."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smart_logistics.errors import EnvironmentFault
from smart_logistics.stack.home import Home

LAUNCH = Path(__file__).with_name("launch.py")
# Carried by every process of a stack, so that none is missed when it is taken down.
MARKER = "SMART_LOGISTICS_STACK"
_CODE = Path(__file__).parents[1]
# Of what may wait while somebody else has little to do that cannot: who answers, schedules, and asks to be heard.
YIELDS = 5


@dataclass(frozen=True)
class Program:
    """One supervised process.

    Attributes:
        name: of the service and its log file.
        command: the words of the command, without the launcher.
        environment: what it gets beside the supervisor's own environment.
        stop_signal: asks it to end; sent also when the supervisor is gone.
        stop_seconds: how long it may take before it is killed.
        port: where it listens, if it does.
        path: of the page on that port, for people.
        launch: further words for the launcher, such as the user to become.
        niceness: how far it stands behind the others where all want the processors; what it starts does, too.
        stays: it is a service; else it does something once, and is not started again when it has ended.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    port: int | None = None
    path: str | None = None
    launch: tuple[str, ...] = ()
    niceness: int = 0
    stays: bool = True

    def environment_file(self, home: Home) -> Path:
        """Return the file through which the launcher is told the environment."""
        return home.config / f"{self.name}.environment.json"

    def environment_text(self) -> str:
        """Return the content of that file."""
        return json.dumps(dict(sorted(self.environment.items())), indent=1) + "\n"

    def words(self, home: Home) -> list[str]:
        """Return the whole command with its launcher; it changes when the environment does."""
        mark = hashlib.sha256(self.environment_text().encode()).hexdigest()[:16]
        parent = ("--parent", str(home.supervisord_pid))
        surroundings = ("--environment", str(self.environment_file(home)), "--mark", mark)
        behind = ("--nice", str(self.niceness)) if self.niceness else ()
        return [*launched(self.stop_signal, *parent, *surroundings, *behind, *self.launch), *self.command]

    @property
    def url(self) -> str | None:
        """Address of its page."""
        return None if self.port is None or self.path is None else f"http://127.0.0.1:{self.port}{self.path}"


def configured_by(*files: Path) -> dict[str, str]:
    """Return a part of an environment that changes with what the files say, and with our own code.

    So `up` starts anew who has read another file, or holds the code of an earlier release.
    """
    digest = hashlib.sha256()
    for path in [*files, *sorted(_CODE.rglob("*.py"))]:
        digest.update(path.read_bytes())
    return {"SMART_LOGISTICS_CONFIGURATION": digest.hexdigest()[:16]}


def launched(death: str, *options: str) -> list[str]:
    """Return the words that start a program which gets the signal ``death`` when its parent is gone."""
    return [sys.executable, "-IS", str(LAUNCH), "--death", death, *options, "--"]


def run(
    command: Sequence[str],
    *,
    what: str,
    home: Home,
    environment: Mapping[str, str],
    remedy: str,
    launch: Sequence[str] = (),
    text: str | None = None,
    timeout: float = 600,
) -> str:
    """Run a one-off command to its end, its output also in the log file ``setup``; return its output.

    Raises:
        EnvironmentFault: it failed or took too long; with its last line.
    """
    words = [*launched("KILL", "--parent", str(os.getpid()), *launch), *command]
    log = home.log("setup")
    try:
        done = subprocess.run(
            words,
            env={**environment, MARKER: str(home.root)},
            input=text or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd=home.root,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFault(f"{what} took more than {timeout:.0f} s", remedy=remedy) from None
    output = done.stdout + done.stderr
    with log.open("a", encoding="utf-8") as file:
        file.write(f"--- {what}: exit code {done.returncode}\n{output}\n")
    if done.returncode != 0:
        raise EnvironmentFault(
            f"{what} failed: {_reason(output) or f'exit code {done.returncode}'}",
            remedy=f"{remedy}; all of it is in {log}",
        )
    return done.stdout


def _reason(output: str) -> str:
    """Return the line that says most: the last one that is no frame of a Java stack trace."""
    lines = (line.strip() for line in reversed(output.splitlines()))
    return next((line[:300] for line in lines if line and not line.startswith(("at ", "... "))), "")
