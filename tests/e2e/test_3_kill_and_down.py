"""What is left after a hard kill, and after `logistics down`."""

from __future__ import annotations

import signal
import socket
from typing import Any

import psutil
import pytest

from tests.e2e.lake import agrees_with_the_oracle, everything
from tests.e2e.stack import Stack, processes, states


def test_up_recovers_after_everything_was_killed(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(stack)
    for process in processes(stack):
        with_luck(process)
    assert stack.call("status").returncode != 0
    stack.must("up")
    assert stack.call("status").returncode == 0
    assert states(stack.run())["gold_aggregate"] == "success"
    assert everything(stack) == before
    agrees_with_the_oracle(stack, capsys)


def test_down_leaves_no_process_and_no_port(stack: Stack) -> None:
    ports = {c.laddr.port for p in processes(stack) for c in connections(p) if c.status == psutil.CONN_LISTEN}
    assert len(ports) >= 4
    stack.must("down")
    assert processes(stack) == []
    for port in ports:
        with socket.socket() as probe, pytest.raises(OSError, match="refused"):
            probe.connect(("127.0.0.1", port))


def with_luck(process: psutil.Process) -> None:
    """Kill a process that may have gone with its parent."""
    if process.is_running():
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return


def connections(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections(kind="tcp"))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
