from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import EnvironmentFault
from smart_logistics.settings import Settings
from smart_logistics.stack import java
from smart_logistics.stack.home import Home


def fake_java(root: Path, version: str, modules: str = "java.base jdk.incubator.vector") -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "java").write_text("#!/bin/sh\n")
    (root / "bin" / "java").chmod(0o755)
    (root / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return root


def test_java_home_comes_before_the_path(tmp_path: Path, given: Settings, home: Home) -> None:
    first, second = fake_java(tmp_path / "one", "21.0.2"), fake_java(tmp_path / "two", "17.0.1")
    found = java.find(given, home, {"JAVA_HOME": str(first), "PATH": str(second / "bin")})
    assert (found.home, found.version, found.origin) == (first, 21, "JAVA_HOME")


def test_a_java_home_that_spark_cannot_use_is_passed_over(tmp_path: Path, given: Settings, home: Home) -> None:
    old, good = fake_java(tmp_path / "old", "1.8.0_402"), fake_java(tmp_path / "good", "17.0.1")
    found = java.find(given, home, {"JAVA_HOME": str(old), "PATH": str(good / "bin")})
    assert found.home == good


@pytest.mark.parametrize(
    ("version", "modules", "why"),
    [("11.0.2", "java.base jdk.incubator.vector", "version 11"), ("17.0.1", "java.base", "lacks the module")],
)
def test_a_java_asked_for_by_name_must_be_usable(
    tmp_path: Path, root: Path, home: Home, version: str, modules: str, why: str
) -> None:
    path = fake_java(tmp_path / "java", version, modules)
    wanted = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_JAVA_HOME": str(path)})
    with pytest.raises(EnvironmentFault, match=why) as caught:
        java.find(wanted, home, {})
    assert "LOGISTICS_JAVA_HOME" in caught.value.remedy


def test_without_any_java_the_error_says_what_to_install(
    given: Settings, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_bundled", lambda: None)
    with pytest.raises(EnvironmentFault, match="no usable Java") as caught:
        java.find(given, home, {"PATH": "/nowhere"})
    assert "install Java 17, 21 or 25" in caught.value.remedy


@pytest.mark.parametrize("asked", [{}, {"LOGISTICS_JAVA_HOME": "bundled"}])
def test_the_bundled_java_runs_with_the_argument_that_it_does_not_know(
    root: Path, home: Home, asked: dict[str, str]
) -> None:
    found = java.find(settings.load({"LOGISTICS_HOME": str(root), **asked}), home, {"PATH": "/nowhere"})
    assert found.version == 21
    assert "bundled" in found.origin
    done = subprocess.run(
        [found.binary, "--add-modules=jdk.incubator.vector", "-Dhome=a b", "-version"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 'version "21' in done.stderr
