"""Which class-data archive fits: one name for one Java and the jars as they are, and none where Java can have none."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.jobs import submit
from smart_logistics.settings import Settings
from smart_logistics.stack import class_archive, doctor, ports, spark
from smart_logistics.stack import java as java_module
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.supervise import Supervisor, render

# In the place of spark-submit: begins to write the archive, and fails.
_FAILS = "#!/bin/sh\ntouch {partial}\nexit 7\n"


@pytest.fixture
def java(tmp_path: Path) -> Java:
    base = tmp_path / "a java" / "lib" / "server" / "classes.jsa"
    base.parent.mkdir(parents=True)
    base.touch()
    return Java(tmp_path / "a java", 17, "a test")


@pytest.fixture
def jar(home: Home) -> Path:
    home.jars.mkdir(exist_ok=True)
    path = home.jars / "some.jar"
    path.write_bytes(b"classes")
    return path


def test_a_jar_that_changed_or_another_java_asks_for_another_archive(home: Home, java: Java, jar: Path) -> None:
    before = class_archive.place(home, java)
    assert before == class_archive.place(home, java)
    os.utime(jar, ns=(1, 1))
    touched = class_archive.place(home, java)
    os.utime(java.home / "lib" / "server" / "classes.jsa", ns=(2, 2))
    newer = class_archive.place(home, java)
    assert len({before, touched, newer}) == 3


def test_a_java_without_an_archive_of_its_own_has_none(given: Settings, home: Home, jar: Path) -> None:
    bare = Java(home.root / "bare", 17, "a test")
    assert class_archive.place(home, bare) is None
    chosen = ports.choose(given, home)
    spark.write_properties(given, home, chosen, bare)
    assert "SharedArchive" not in home.spark_properties.read_text()
    assert class_archive.SERVICE not in [one.name for one in spark.programs(given, home, chosen, bare)]


def test_driver_and_executor_take_it_and_its_maker_runs_once(
    given: Settings, home: Home, java: Java, jar: Path
) -> None:
    chosen = ports.choose(given, home)
    spark.write_properties(given, home, chosen, java)
    archive = class_archive.place(home, java)
    lines = [line for line in home.spark_properties.read_text().splitlines() if "extraJavaOptions" in line]
    assert len(lines) == 2
    assert archive is not None
    assert all(shlex.split(line)[-3:] == class_archive.used(archive) for line in lines)
    assert "SharedArchiveFile" not in home.rehearsal_properties.read_text()
    maker = [one for one in spark.programs(given, home, chosen, java) if one.name == class_archive.SERVICE]
    assert "autorestart=false" in render(home, maker)
    assert "spark.authenticate" not in " ".join(maker[0].command)


def test_the_daemons_take_it_on_the_class_path_it_was_made_for(
    given: Settings, home: Home, java: Java, jar: Path
) -> None:
    chosen, archive = ports.choose(given, home), class_archive.place(home, java)
    spark.write_properties(given, home, chosen, java)
    for name in ("spark-master", "spark-worker"):
        (one,) = (one for one in spark.programs(given, home, chosen, java) if one.name == name)
        words = list(one.command)
        assert f"-XX:SharedArchiveFile={archive}" in words
        first, *others = words[words.index("-cp") + 1].split(os.pathsep)
        assert first == str(home.jars / "*")
        assert others[-1] == str(submit.spark_home() / "jars" / "*")


def test_a_rehearsal_that_fails_leaves_no_archive_and_the_one_of_before(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive, before = home.class_archives / "new.jsa", home.class_archives / "old.jsa"
    before.touch()
    script = tmp_path / "spark-submit"
    script.write_text(_FAILS.format(partial=shlex.quote(str(archive.with_suffix(".part")))))
    script.chmod(0o755)
    monkeypatch.setattr(submit, "SPARK_SUBMIT", str(script))
    assert class_archive.make(archive, home.rehearsal_properties, home.spark_scratch) == 7
    assert list(home.class_archives.iterdir()) == [before]


def test_the_doctor_says_that_it_could_not_be_made(
    home: Home, root: Path, java: Java, jar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings.load({"LOGISTICS_HOME": str(root)})
    monkeypatch.setattr(java_module, "find", lambda *_: java)
    assert finding(given).text.startswith("not there yet")
    failed = {class_archive.SERVICE: {"statename": "EXITED", "exitstatus": 7}}
    monkeypatch.setattr(Supervisor, "processes", lambda _: failed)
    found = finding(given)
    assert not found.good
    assert found.text == "no class-data archive could be made: jobs start more slowly"
    assert "class-archive.log" in found.remedy


def finding(given: Settings) -> doctor.Finding:
    return next(one for one in doctor.examine(given) if one.subject == "class archive")
