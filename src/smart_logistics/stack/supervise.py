"""The supervisor: supervisord from a generated configuration, controlled through a socket of this user's own."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from smart_logistics.errors import EnvironmentFault
from smart_logistics.stack.credentials import write_private
from smart_logistics.stack.home import Home
from smart_logistics.stack.program import MARKER, Program

_LOG_BYTES = "5MB"
_LOG_BACKUPS = "2"
# Faults of supervisord's interface that are no failure here.
_ALREADY_STARTED, _NOT_RUNNING, _ALREADY_ADDED = 60, 70, 90
_UNREACHABLE = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)


def _quoted(text: str) -> str:
    """Return ``text`` as one word of a supervisord option: quoted for its splitter, per cent signs doubled."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def render(home: Home, programs: Iterable[Program]) -> str:
    """Return supervisord's configuration."""
    plain = {"log": home.log("supervisord"), "pid": home.supervisord_pid, "socket": home.socket, "logs": home.logs}
    path = {name: str(value).replace("%", "%%") for name, value in plain.items()}
    lines = [
        "[unix_http_server]",
        f"file={path['socket']}",
        "chmod=0600",
        "[supervisord]",
        "nodaemon=true",
        *(["user=root"] if os.getuid() == 0 else []),  # meant, and said so
        "silent=true",
        "umask=077",
        "minfds=1024",
        f"logfile={path['log']}",
        f"logfile_maxbytes={_LOG_BYTES}",
        f"logfile_backups={_LOG_BACKUPS}",
        f"pidfile={path['pid']}",
        f"childlogdir={path['logs']}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for priority, program in enumerate(programs):
        lines += [
            f"[program:{program.name}]",
            "command=" + " ".join(_quoted(word) for word in program.words(home)),
            f"directory={str(home.root).replace('%', '%%')}",
            f"priority={priority}",
            "autostart=false",
            f"autorestart={str(program.stays).lower()}",
            f"startsecs={int(program.stays)}",
            "startretries=5",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            # A service ends its own children on the signal; what is left when time is up is killed with it.
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={str(home.log(program.name)).replace('%', '%%')}",
            f"stdout_logfile_maxbytes={_LOG_BYTES}",
            f"stdout_logfile_backups={_LOG_BACKUPS}",
        ]
    return "\n".join(lines) + "\n"


def configure(home: Home, programs: Iterable[Program]) -> None:
    """Write the supervisor's configuration, and beside it each program's environment, which its format cannot hold."""
    programs = list(programs)
    for program in programs:
        write_private(program.environment_file(home), program.environment_text())
    write_private(home.supervisord_conf, render(home, programs))


class Supervisor:
    """The running supervisor of one home, or its absence."""

    def __init__(self, home: Home) -> None:
        self._address = f"unix://{home.socket}"

    @property
    def _api(self) -> Any:
        # A new connection each time: after a failure supervisord's transport never recovers.
        transport = SupervisorTransport(None, None, serverurl=self._address)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport, allow_none=True).supervisor

    def pid(self) -> int | None:
        """Return its process id; None if it does not run."""
        try:
            return int(self._api.getPID())
        except _UNREACHABLE:
            return None

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return name → state, pid, start of each program; empty if the supervisor does not run."""
        try:
            return {info["name"]: info for info in self._api.getAllProcessInfo()}
        except _UNREACHABLE:
            return {}

    def start(self, name: str) -> None:
        """Start a program unless it runs."""
        self._tolerating({_ALREADY_STARTED}, self._api.startProcess, name, False)

    def stop_together(self, names: Iterable[str]) -> None:
        """Ask programs to end, all at once, and wait until they have; who takes too long is killed."""
        waiting = set(names)
        for name in waiting:
            self._tolerating({_NOT_RUNNING}, self._api.stopProcess, name, False)
        while any(self.processes().get(name, {}).get("statename") == "STOPPING" for name in waiting):
            time.sleep(0.1)

    def adopt(self, home: Home, programs: list[Program]) -> list[str]:
        """Take over a new configuration; programs that changed are stopped. Return their names."""
        configure(home, programs)
        added, changed, removed = self._api.reloadConfig()[0]
        for name in [*changed, *removed]:
            self._tolerating({_NOT_RUNNING}, self._api.stopProcessGroup, name)
            self._api.removeProcessGroup(name)
        for name in [*added, *changed]:
            self._tolerating({_ALREADY_ADDED}, self._api.addProcessGroup, name)
        return [str(name) for name in (*changed, *removed)]

    def shut_down(self, timeout: float) -> None:
        """Stop all programs, last started first, and the supervisor itself; wait until it is gone."""
        pid = self.pid()
        if pid is None:
            return
        process = psutil.Process(pid)
        self._api.shutdown()
        try:
            process.wait(timeout)
        except psutil.TimeoutExpired:
            process.kill()

    @staticmethod
    def _tolerating(codes: set[int], call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in codes:
                raise EnvironmentFault(
                    f"the supervisor refuses: {fault.faultString}", remedy="see logs/supervisord.log in the home"
                ) from None


class Guard:
    """The supervisor's parent while `up` runs: should `up` die before it is done, the guard takes everything down."""

    def __init__(self, home: Home, environment: dict[str, str]) -> None:
        with home.log("supervisord").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smart_logistics.stack.guard", str(home.supervisord_conf), str(home.root)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**environment, MARKER: str(home.root)},
                cwd=home.root,
                # A Ctrl-C in the terminal is for `up`; the guard hears of it through the pipe.
                start_new_session=True,
            )

    def wait_for_supervisor(self, supervisor: Supervisor, home: Home, timeout: float = 30) -> None:
        """Wait until the supervisor answers."""
        end = time.monotonic() + timeout
        while supervisor.pid() is None:
            if time.monotonic() > end or self._process.poll() is not None:
                raise EnvironmentFault("the supervisor does not start", remedy=f"see {home.log('supervisord')}")
            time.sleep(0.05)

    def release(self) -> None:
        """Say that `up` is done: the supervisor stays."""
        self._process.communicate(b"done\n")

    def undo(self) -> None:
        """Take everything down again, and wait for it."""
        self._process.communicate()
