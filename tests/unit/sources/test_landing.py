"""Which files are taken, how they are claimed, and that none is ever lost or overwritten, wherever a crash comes."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from smart_logistics.errors import ConfigurationError, SourceUnavailable
from smart_logistics.sources import claim as claims
from smart_logistics.sources.claim import Batch, ClaimedFile, claim, unfinished
from smart_logistics.sources.landing import Folders, eligible, is_taken
from smart_logistics.sources.verdict import Outcome, to_parse, verdicts
from tests.oracle import files as oracle
from tests.oracle.hostile_files import NAMES_LEFT

PREFIX = "iot_telemetry_20260301_000000_"
DAY = date(2026, 3, 2)
NAMES = [
    PREFIX + middle + end
    for end in (".json", ".json.gz")
    for middle in (" ", "\n", "a'b\"c", "T10:00:00", "*?[]{}\\%#", "../x".replace("/", "∕"), "é", "e\u0301", "x" * 215)
]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "landing").mkdir()
    return Folders(tmp_path / "landing")


def land(folders: Folders, *names: str, data: bytes = b"{}", age: float = 60, now: float = 10_000) -> None:
    for name in names:
        path = folders.landing / name
        path.write_bytes(data)
        os.utime(path, (now - age, now - age))


def whole_way(batch: Batch) -> None:
    """Seal and put away, every file LOADED."""
    files = batch.claimed()
    outcomes = {n: Outcome(1, 0, None) for n in to_parse(files, {})}
    batch.seal(verdicts(batch.folders, files, outcomes, {}, DAY))
    batch.put_away(batch.sealed() or [])


def kept(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [*NAMES, *NAMES_LEFT, PREFIX + ".json", PREFIX + "a.json\n", PREFIX + "a.JSON"])
def test_names_are_taken_as_the_oracle_takes_them(name: str) -> None:
    assert is_taken(name) is oracle.is_taken(name)


def test_files_are_taken_in_the_byte_order_of_their_names_once_they_have_settled(folders: Folders) -> None:
    land(folders, *NAMES, *NAMES_LEFT)
    land(folders, PREFIX + "young.json", age=9)
    land(folders, PREFIX + "due.json", age=10)
    wanted = sorted([*NAMES, PREFIX + "due.json"], key=lambda name: name.encode())
    assert eligible(folders.landing, 10, 10_000) == wanted


def test_a_file_from_the_future_is_as_old_as_its_arrival(folders: Folders) -> None:
    land(folders, PREFIX + "a.json", age=-(10**10))
    arrived = (folders.landing / (PREFIX + "a.json")).stat().st_ctime
    assert eligible(folders.landing, 10, arrived + 9) == []
    assert eligible(folders.landing, 10, arrived + 11) == [PREFIX + "a.json"]


def test_links_pipes_and_folders_are_left(folders: Folders) -> None:
    land(folders, PREFIX + "a.json")
    (folders.landing / (PREFIX + "link.json")).symlink_to(folders.landing / (PREFIX + "a.json"))
    os.mkfifo(folders.landing / (PREFIX + "pipe.json"))
    (folders.landing / (PREFIX + "folder.json")).mkdir()
    assert eligible(folders.landing, 0) == [PREFIX + "a.json"]


def test_a_landing_folder_that_is_not_there_is_named(folders: Folders) -> None:
    folders.landing.rmdir()
    with pytest.raises(SourceUnavailable, match="landing"):
        eligible(folders.landing, 0)


def test_a_batch_goes_the_whole_way_under_any_name(folders: Folders) -> None:
    names = [*NAMES, os.fsdecode(PREFIX.encode() + b"\xff.json")]
    for number, name in enumerate(names):
        land(folders, name, data=b"%d" % number)
    batch = claim(folders, eligible(folders.landing, 0), 7, "r")
    assert batch is not None
    assert kept(folders.landing) == {}
    assert all(safe.isascii() and len(safe) < 20 for safe, _ in batch.names)
    whole_way(batch)
    assert kept(folders.archive) == {f"2026/03/02/{name}": b"%d" % number for number, name in enumerate(names)}
    assert list(folders.processing.iterdir()) == []


def test_nothing_is_overwritten_in_the_archive(folders: Folders) -> None:
    long = PREFIX + "x" * 215 + ".json.gz"
    for number, name in enumerate((PREFIX + "a.json", PREFIX + "a.json", PREFIX + "a.json", long, long)):
        land(folders, name, data=b"%d" % number)
        batch = claim(folders, [name], 1 + number, "r")
        assert batch is not None
        whole_way(batch)
    found = kept(folders.archive)
    assert sorted(found.values()) == [b"0", b"1", b"2", b"3", b"4"]
    assert found[f"2026/03/02/{PREFIX}a.2.json"] == b"1"
    assert all(name.endswith((".json", ".json.gz")) and len(Path(name).name) <= 255 for name in found)


def test_a_file_put_where_one_was_to_go_is_not_overwritten(folders: Folders) -> None:
    land(folders, PREFIX + "a.json", data=b"ours")
    batch = claim(folders, [PREFIX + "a.json"], 1, "r")
    assert batch is not None
    files = batch.claimed()
    batch.seal(verdicts(folders, files, {0: Outcome(1, 0, None)}, {}, DAY))
    place = folders.parent / (batch.sealed() or [])[0].target
    place.parent.mkdir(parents=True)
    place.write_bytes(b"theirs")
    batch.put_away(batch.sealed() or [])
    assert sorted(kept(folders.archive).values()) == [b"ours", b"theirs"]


def test_files_are_moved_where_hard_links_are_not_possible(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    test_nothing_is_overwritten_in_the_archive(folders)


class CrashError(BaseException):
    """What a test throws in the middle of a system call."""


@pytest.mark.parametrize("calls", range(60))
def test_a_crash_at_any_call_loses_no_file_and_the_next_attempt_ends(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    names = [PREFIX + letter + ".json" for letter in "abc"]
    for name in names:
        land(folders, name, data=name.encode())
    with monkeypatch.context() as patch:
        left = [calls]
        for owner, name in (
            (Path, "rename"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (Path, "rmdir"),
            (os, "link"),
            (os, "fsync"),
        ):
            patch.setattr(owner, name, crashing(getattr(owner, name), left))
        try:
            run(folders, 1)
        except CrashError:
            assert sorted({*everything(folders).values()}) == sorted(name.encode() for name in names)
    run(folders, 2)
    assert kept(folders.archive) == {f"2026/03/02/{name}": name.encode() for name in names}
    assert kept(folders.landing) == {}
    assert not folders.processing.exists() or list(folders.processing.iterdir()) == []


def crashing(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise CrashError
        return real(*args, **kwargs)

    return call


def run(folders: Folders, stamp: int) -> None:
    """What the job does with files, without its commits."""
    for batch in unfinished(folders):
        sealed = batch.sealed()
        if sealed is None:
            whole_way(batch)
        else:
            batch.put_away(sealed)
    names = eligible(folders.landing, 0)
    new = claim(folders, names, stamp, "r") if names else None
    if new is not None:
        whole_way(new)


def everything(folders: Folders) -> dict[str, bytes]:
    return {
        path: data
        for path, data in kept(folders.parent).items()
        if ".json" in path and "manifest" not in path and "sealed" not in path
    }


def test_a_file_that_its_sender_takes_back_is_no_error(folders: Folders) -> None:
    land(folders, PREFIX + "a.json")
    batch = claim(folders, [PREFIX + "a.json", PREFIX + "gone.json"], 1, "r")
    assert batch is not None
    assert [file.name for file in batch.claimed()] == [PREFIX + "a.json"]
    assert claim(folders, [PREFIX + "gone.json"], 2, "r") is None
    assert not (folders.processing / "2").exists()


def test_a_folder_from_which_nothing_may_be_moved_is_a_clear_error(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(folders, PREFIX + "a.json")
    monkeypatch.setattr(claims, "_claimed", lambda *_: "Permission denied")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SourceUnavailable, match="cannot move files out of"):
        claim(folders, [PREFIX + "a.json"], 1, "r")
    monkeypatch.setattr(os, "access", lambda *_: True)  # its folder is sound: it is this file that may not be moved
    assert claim(folders, [PREFIX + "a.json"], 2, "r") is None
    assert claims.left_behind(folders, [PREFIX + "a.json", PREFIX + "gone.json"]) == [PREFIX + "a.json"]


def test_a_landing_folder_on_another_file_system_is_a_clear_error(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def elsewhere(self: Path, target: Path) -> Path:
        if self.parent == folders.landing:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    land(folders, PREFIX + "a.json")
    monkeypatch.setattr(Path, "rename", elsewhere)
    with pytest.raises(ConfigurationError, match="one file system"):
        claim(folders, [PREFIX + "a.json"], 1, "r")
    monkeypatch.undo()
    assert list(unfinished(folders)) == []
    assert eligible(folders.landing, 0) == [PREFIX + "a.json"]


def test_a_claimed_file_that_became_a_link_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b'{"a": 1}')
    land(folders, PREFIX + "a.json")
    batch = claim(folders, [PREFIX + "a.json"], 1, "r")
    assert batch is not None
    ((safe, _),) = batch.names
    batch.path(safe).unlink()
    batch.path(safe).symlink_to(secret)
    (found,) = batch.claimed()
    assert found.md5 == ""
    assert "cannot be opened" in (found.error or "")


def test_a_batch_folder_without_a_manifest_but_with_files_is_not_thrown_away(folders: Folders) -> None:
    (folders.processing / "5").mkdir(parents=True)
    (folders.processing / "5" / "0.json").write_bytes(b"{}")
    with pytest.raises(SourceUnavailable, match="manifest"):
        list(unfinished(folders))
    assert (folders.processing / "5" / "0.json").exists()


def test_the_manifest_says_which_file_is_which(folders: Folders) -> None:
    land(folders, PREFIX + "a:b.json.gz", data=b"abc")
    batch = claim(folders, [PREFIX + "a:b.json.gz"], 1, "run 1")
    assert batch is not None
    manifest = json.loads((batch.folder / claims.MANIFEST).read_bytes())
    assert manifest["run_id"] == "run 1"
    assert manifest["files"] == [{"safe": "0.json.gz", "name": PREFIX + "a:b.json.gz", "size": 3, "mtime": 9940.0}]


def judged(contents: Sequence[tuple[str, str]], before: dict[tuple[str, int], str], failing: str = "") -> list[str]:
    """Statuses of files given as (end of the name, content); a content in ``failing`` has no readable record."""
    files = [ClaimedFile(str(n), f"{PREFIX}{n}{end}", 1, data) for n, (end, data) in enumerate(contents)]
    outcomes = {
        n: Outcome(0, 0, "broken") if files[n].md5 in failing else Outcome(2, 1, None) for n in to_parse(files, before)
    }
    return [file.status for file in verdicts(Folders(Path("/nowhere/landing")), files, outcomes, before, DAY)]


def test_bytes_are_loaded_once_and_broken_ones_fail_again() -> None:
    contents = [(".json", data) for data in "aabbac"]
    statuses = judged(contents, {("c", 1): "earlier"}, failing="b")
    assert statuses == ["LOADED", "DUPLICATE", "FAILED", "FAILED", "DUPLICATE", "DUPLICATE"]


def test_the_same_bytes_are_another_file_where_the_name_says_that_they_are_compressed() -> None:
    contents = [(".json", "z"), (".json.gz", "z")]
    files = [ClaimedFile(str(n), f"{PREFIX}{n}{end}", 1, data) for n, (end, data) in enumerate(contents)]
    outcomes = {0: Outcome(0, 0, "not text"), 1: Outcome(3, 0, None)}
    found = verdicts(Folders(Path("/nowhere/landing")), files, outcomes, {}, DAY)
    assert [file.status for file in found] == ["FAILED", "LOADED"]
    assert list(to_parse(files, {})) == [0, 1]
