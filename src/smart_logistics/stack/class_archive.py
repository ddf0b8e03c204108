"""The JVM's class-data archive: made once beside a running stack, and each driver and executor starts faster with it.

Java maps the archived classes into memory instead of reading, checking and linking them out of 350 jars, and the
processes share that memory. It ties an archive to the class path and to the size and time of each jar, and goes without
one that does not fit, silently. So the archive's name holds all of that: when something changes, `up` has another made.
Without an archive everything works, only slower.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from smart_logistics.jobs import submit
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.program import Program

SERVICE = "class-archive"
REHEARSAL = Path(submit.__file__).with_name("rehearsal.py")
# Of Java itself: what is ours is archived on top of it, and not every Java comes with one.
_BASE = Path("lib", "server", "classes.jsa")
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
_NICENESS = 19


def place(home: Home, java: Java) -> Path | None:
    """Return where the archive for this Java and these jars is, or will be; None where this Java can have none."""
    if not (java.home / _BASE).is_file():
        return None
    mark = hashlib.sha256(f"{java.home} {java.version}".encode())
    for folder in (home.jars, submit.spark_home() / "jars"):
        # In the order in which Java finds them, which is that of its class path.
        for jar in folder.glob("*.jar"):
            found = jar.stat()
            mark.update(f"{jar} {found.st_size} {found.st_mtime_ns}\n".encode())
    return home.class_archives / f"{mark.hexdigest()[:16]}.jsa"


def option(archive: Path | None) -> str:
    """Return the option for a JVM's command; nothing of it shows while there is no such file."""
    return "" if archive is None else f'"-XX:SharedArchiveFile={archive}"'


def program(home: Home, archive: Path, environment: Mapping[str, str]) -> Program:
    """Return what makes the archive, beside the services and after them."""
    script = (sys.executable, "-m", "smart_logistics.stack.class_archive")
    command = (*script, "--properties", str(home.spark_properties), "--scratch", str(home.spark_scratch), str(archive))
    return Program(SERVICE, command, environment, stays=False)


def make(archive: Path, properties: Path, scratch: Path) -> int:
    """Make ``archive`` and remove those of before; return the exit code of what did not work.

    It has its name when it is whole: whoever ends this anywhere finds none, and it is made at the next `up`.
    """
    partial = archive.with_suffix(".part")
    for unfinished in archive.parent.glob("*.part"):
        unfinished.unlink()
    options = next(
        line.split(maxsplit=1)[1] for line in properties.read_text().splitlines() if line.startswith(_JAVA_OPTIONS)
    )
    options = options.replace("\\\\", "\\").replace(option(archive), f'"-XX:ArchiveClassesAtExit={partial}"')
    command = [submit.SPARK_SUBMIT, "--master", "local[2]", "--properties-file", str(properties)]
    command += ["--conf", f"{_JAVA_OPTIONS}={options}", str(REHEARSAL), str(scratch)]
    done = subprocess.run(command, check=False)
    if done.returncode == 0 and partial.is_file():
        for old in archive.parent.glob("*.jsa"):
            old.unlink()
        partial.replace(archive)
        return 0
    partial.unlink(missing_ok=True)
    return done.returncode or 1


def main() -> int:
    """Make the archive with as little of the machine as nobody else wants."""
    parser = argparse.ArgumentParser(prog="class_archive")
    parser.add_argument("--properties", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("archive", type=Path)
    given = parser.parse_args()
    os.nice(_NICENESS)
    return make(given.archive, given.properties, given.scratch)


if __name__ == "__main__":
    sys.exit(main())
