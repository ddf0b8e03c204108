"""Which class-data archive fits: one name for one Java and the jars as they are, and none where Java can have none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smart_logistics.settings import Settings
from smart_logistics.stack import class_archive, ports, spark
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.supervise import render

# In the place of spark-submit: begins to write the archive, and fails.
_FAILS = """#!/bin/sh
for word do
  case $word in *AtExit*) name="${word##*=}"; touch "${name%?}" ;; esac
done
exit 7
"""


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
    newer = class_archive.place(home, Java(java.home, 21, "a test"))
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
    assert all(line.endswith(f'"-XX:SharedArchiveFile={archive}"') for line in lines)
    maker = [one for one in spark.programs(given, home, chosen, java) if one.name == class_archive.SERVICE]
    assert "autorestart=false" in render(home, maker)
    assert "spark.authenticate" not in " ".join(maker[0].command)


def test_a_rehearsal_that_fails_leaves_no_archive_and_the_one_of_before(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    submit = tmp_path / "spark-submit"
    submit.write_text(_FAILS)
    submit.chmod(0o755)
    monkeypatch.setattr(class_archive.submit, "SPARK_SUBMIT", str(submit))
    archive, before = home.class_archives / "new.jsa", home.class_archives / "old.jsa"
    before.touch()
    properties = tmp_path / "properties"
    properties.write_text(f"spark.driver.extraJavaOptions -Xmx1g {class_archive.option(archive)}\n")
    assert class_archive.make(archive, properties, tmp_path) == 7
    assert list(home.class_archives.iterdir()) == [before]
