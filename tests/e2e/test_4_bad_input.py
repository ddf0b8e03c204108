"""What a user gets who has the wrong machine or the wrong settings: one clear line, a remedy, nothing half-started."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, processes

NOBODY_LISTENS = "postgresql://reader:a-secret-word@127.0.0.1:1/logistics"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stack]:
    """A home where nothing has been started."""
    one = Stack(tmp_path / "home")
    yield one
    one.call("down")


def refused(stack: Stack, *words: str, **settings: str) -> str:
    """Call a command that must fail with one line, and leave nothing running; return the line."""
    result = stack.call(*words, timeout=300, **settings)
    assert result.returncode != 0, result.stdout
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("logistics: ")]
    assert "Traceback" not in result.stderr
    assert " → " in line, "no remedy"
    assert processes(stack) == []
    return line


def test_a_source_that_does_not_answer(fresh: Stack) -> None:
    line = refused(fresh, "up", SOURCE_DSN=NOBODY_LISTENS)
    assert "127.0.0.1" in line
    assert "a-secret-word" not in line


def test_a_wrong_password(stack: Stack, fresh: Stack) -> None:
    stack.must("up")
    from smart_logistics import settings
    from smart_logistics.stack.connections import source_dsn

    dsn = source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    head, tail = dsn.rsplit("@", 1)
    wrong = f"{head.rsplit(':', 1)[0]}:not-the-word@{tail}"
    line = refused(fresh, "up", SOURCE_DSN=wrong)
    assert "password" in line
    assert "not-the-word" not in line


def test_a_port_that_is_taken(fresh: Stack) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert port in refused(fresh, "up", AIRFLOW_PORT=port)


def test_a_java_that_is_none(fresh: Stack, tmp_path: Path) -> None:
    assert str(tmp_path) in refused(fresh, "up", JAVA_HOME=str(tmp_path / "no java here"))


def test_a_setting_that_makes_no_sense(fresh: Stack) -> None:
    assert "LOGISTICS_HOLD_MINUTES" in refused(fresh, "up", HOLD_MINUTES="an hour")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", small], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        line = refused(Stack(small / "home"), "up")
        assert "space" in line or "full" in line
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_jar_that_is_missing_or_altered_is_named_by_doctor(stack: Stack, tmp_path: Path) -> None:
    copy = Stack(tmp_path / "home")
    shutil.copytree(stack.home / "jars", copy.home / "jars")
    jar = next((copy.home / "jars").glob("*delta-storage*"))
    jar.write_bytes(b"not what was reviewed")
    result = copy.call("doctor")
    assert result.returncode != 0
    assert any("jars" in line and jar.name in line and " → " in line for line in result.stdout.splitlines())


def test_a_query_and_a_run_without_a_stack(fresh: Stack) -> None:
    assert "logistics up" in refused(fresh, "run")
