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
# As little of the machine as nobody else wants.
_NICENESS = 19


def place(home: Home, java: Java) -> Path | None:
    """Return where the archive for this Java and these jars is, or will be; None where this Java can have none."""
    base = java.home / _BASE
    if not base.is_file():
        return None
    mark = hashlib.sha256()
    # Jars in the order in which Java finds them, which is that of its class path.
    for file in (base, *home.jars.glob("*.jar"), *(submit.spark_home() / "jars").glob("*.jar")):
        found = file.stat()
        mark.update(b"%s %d %d\n" % (os.fsencode(file), found.st_size, found.st_mtime_ns))
    return home.class_archives / f"{mark.hexdigest()[:16]}.jsa"


def class_path(home: Home) -> str:
    """Return the class path on which an archive fits: the one that Spark gives drivers and executors."""
    spark = submit.spark_home()
    (logging,) = (spark / "jars").glob("slf4j-api-*.jar")
    return os.pathsep.join(map(str, (home.jars / "*", spark / "conf", logging, spark / "jars" / "*")))


def used(archive: Path) -> list[str]:
    """Return the options of a JVM that takes its classes from ``archive``; nothing shows while that is not there.

    It is mapped where it was made for. By default Java moves it elsewhere, and so writes to most of it: each JVM would
    hold it alone.
    """
    return [f"-XX:SharedArchiveFile={archive}", "-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0"]


def made(archive: Path) -> list[str]:
    """Return the option of the JVM that makes ``archive`` at its end, under a name of before."""
    return [f"-XX:ArchiveClassesAtExit={_partial(archive)}"]


def _partial(archive: Path) -> Path:
    return archive.with_suffix(".part")


def program(home: Home, archive: Path, environment: Mapping[str, str]) -> Program:
    """Return what makes the archive, beside the services and after them."""
    script = (sys.executable, "-m", "smart_logistics.stack.class_archive")
    command = (*script, str(archive), str(home.rehearsal_properties), str(home.spark_scratch))
    return Program(SERVICE, command, environment, stays=False, niceness=_NICENESS)


def make(archive: Path, properties: Path, scratch: Path) -> int:
    """Make ``archive`` and remove those of before; return the exit code of what did not work.

    It has its name when it is whole: whoever ends this anywhere finds none, and it is made at the next `up`.
    """
    for unfinished in archive.parent.glob("*.part"):
        unfinished.unlink()
    command = [submit.SPARK_SUBMIT, "--properties-file", str(properties), str(REHEARSAL), str(scratch)]
    code = subprocess.run(command, check=False).returncode
    partial = _partial(archive)
    if code or not partial.is_file():
        partial.unlink(missing_ok=True)
        return code or 1
    for old in archive.parent.glob("*.jsa"):
        old.unlink()
    partial.replace(archive)
    return 0


def main() -> int:
    """Make the archive."""
    parser = argparse.ArgumentParser(prog="class_archive")
    for name in ("archive", "properties", "scratch"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    return make(given.archive, given.properties, given.scratch)


if __name__ == "__main__":
    sys.exit(main())
