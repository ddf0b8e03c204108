"""A lock outlives nobody: neither a JVM that died before its Python took the lock, nor one that died after."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_logistics.errors import LakeUnavailable, LockHeld
from smart_logistics.lake import locks


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process that was killed and that still has its number, as a JVM whose threads are ending."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.kill()
        while locks._started(process.pid) is not None:
            pass
        yield process.pid


def test_a_record_of_one_that_was_dead_already_holds_nobody_up(tmp_path: Path, zombie: int) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps({"pid": zombie, "started": None}))
    with locks.hold(path, wait_seconds=0.3):
        pass


def test_who_has_lost_its_committer_gets_no_lock(tmp_path: Path, zombie: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    with monkeypatch.context() as patch:
        patch.setattr(locks, "committer", lambda: zombie)
        with pytest.raises(LakeUnavailable, match="JVM is gone"), locks.hold(path):
            pytest.fail("it went on without the one that commits")
    with locks.hold(path, wait_seconds=0.3):
        pass


def test_a_dead_holders_jvm_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as jvm:
        path.write_text(json.dumps({"pid": jvm.pid, "started": locks._started(jvm.pid)}))
        with pytest.raises(LockHeld, match=f"the JVM {jvm.pid} beside it still runs"), locks.hold(path, wait_seconds=0):
            pytest.fail("two writers at once")
        jvm.kill()
    with locks.hold(path, wait_seconds=0.3):
        pass


def test_a_writer_that_is_in_the_way_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "silver.orders.lock"
    hold = (
        f"import fcntl; f = open({str(path)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        said = r"silver\.orders\.lock is held: another process writes there"
        with pytest.raises(LockHeld, match=said) as caught, locks.hold(path, wait_seconds=0.3):
            pytest.fail("two writers at once")
        other.kill()
    assert caught.value.transient
    with locks.hold(path, wait_seconds=3):
        pass
