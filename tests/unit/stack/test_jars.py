from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from smart_logistics.errors import EnvironmentFault
from smart_logistics.lake.spark_conf import COORDINATES
from smart_logistics.stack import jars
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java

JAVA = Java(Path("/nowhere"), 17, "a test")


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    checksums = tmp_path / "jars.sha256"
    checksums.write_text(f"{hashlib.sha256(b'good').hexdigest()}  one.jar\n")
    monkeypatch.setattr(jars, "CHECKSUMS", checksums)
    return "one.jar"


def deliver(home: Home, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(home: Home, java: Java) -> None:
        (home.ivy / "jars").mkdir(parents=True)
        (home.ivy / "jars" / "one.jar").write_bytes(content)

    monkeypatch.setattr(jars, "_resolve", resolve)


def test_every_coordinate_has_a_reviewed_checksum() -> None:
    names = {"{}_{}-{}.jar".format(*coordinate.split(":")) for coordinate in COORDINATES}
    assert set(jars.expected()) == names


def test_a_complete_set_is_not_resolved_again(home: Home, reviewed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(home, b"good", monkeypatch)
    assert jars.ensure(home, JAVA)
    monkeypatch.setattr(jars, "_resolve", lambda home, java: pytest.fail("resolved again"))
    assert not jars.ensure(home, JAVA)


def test_a_poisoned_jar_is_refused_and_not_put_on_the_class_path(
    home: Home, reviewed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, b"evil", monkeypatch)
    with pytest.raises(EnvironmentFault, match=r"one\.jar is not the reviewed file"):
        jars.ensure(home, JAVA)
    assert not (home.jars / reviewed).exists()


def test_a_changed_jar_is_replaced(home: Home, reviewed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home.jars.mkdir()
    (home.jars / reviewed).write_bytes(b"evil")
    deliver(home, b"good", monkeypatch)
    assert jars.ensure(home, JAVA)
    assert (home.jars / reviewed).read_bytes() == b"good"


def test_a_stray_jar_in_the_folder_is_refused(home: Home, reviewed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home.jars.mkdir()
    (home.jars / "stray.jar").write_bytes(b"")
    with pytest.raises(EnvironmentFault, match=r"stray\.jar"):
        jars.ensure(home, JAVA)
