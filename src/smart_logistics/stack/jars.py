"""The jars that Spark does not bring: resolved once by coordinates, checked by checksum at every start.

``python -m smart_logistics.stack.jars`` resolves them at install, so that `up` needs no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from smart_logistics import settings as settings_module
from smart_logistics.errors import EnvironmentFault, LogisticsError
from smart_logistics.lake.spark_conf import COORDINATES
from smart_logistics.settings import REPOSITORY
from smart_logistics.stack import java as java_module
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.program import run
from smart_logistics.stack.spark import spark_home, spark_python

CHECKSUMS = REPOSITORY / "config" / "jars.sha256"
# What the coordinates drag in and Spark has itself, in newer versions: older ones on the class path would win.
_EXCLUDED = (
    "org.apache.*",
    "com.fasterxml.*",
    "com.google.*",
    "com.github.*",
    "io.unitycatalog",
    "io.openlineage",
    "org.antlr",
    "org.checkerframework",
    "org.openapitools",
    "org.roaringbitmap",
    "org.slf4j",
    "org.xerial.*",
    "org.locationtech.*",
    "commons-*",
    "javax.*",
    "jakarta.*",
)
_NO_KERNEL = ("io.delta:delta-kernel-api", "io.delta:delta-kernel-defaults", "io.delta:delta-kernel-unitycatalog")
_REMEDY = (
    "check the network (a mirror of the central repository is set by DEFAULT_ARTIFACT_REPOSITORY), or copy the jars of "
    "another installation into the folder"
)


def expected() -> dict[str, str]:
    """Return file name → SHA-256 of every jar, as reviewed and committed."""
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    return {name.strip(): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def wrong(folder: Path) -> dict[str, str]:
    """Return file name → what is wrong with it, for each jar of ``folder`` that is missing or not the reviewed one."""
    found = {}
    for name, digest in expected().items():
        path = folder / name
        if not path.is_file():
            found[name] = "missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found[name] = "not the reviewed file"
    for stray in sorted(folder.glob("*.jar")):
        if stray.name not in expected():
            found[stray.name] = "not one of ours, but it would be on the class path"
    return found


def ensure(home: Home, java: Java) -> bool:
    """Make ``home.jars`` complete and verified; return whether anything had to be resolved.

    Raises:
        EnvironmentFault: a jar cannot be had, or what was had is not what was reviewed.
    """
    problems = wrong(home.jars)
    strays = [name for name in problems if name not in expected()]
    if strays:
        raise EnvironmentFault(f"{home.jars / strays[0]}: {problems[strays[0]]}", remedy="move it away")
    if not problems:
        return False
    _resolve(home, java)
    home.jars.mkdir(exist_ok=True)
    for name in problems:
        source = home.ivy / "jars" / name
        if not source.is_file() or hashlib.sha256(source.read_bytes()).hexdigest() != expected()[name]:
            state = "is not the reviewed file" if source.is_file() else "did not come"
            raise EnvironmentFault(
                f"the jar {name} {state}", remedy=f"delete {home.ivy} and try again; if that fails, distrust the mirror"
            )
        partial = home.jars / f".{name}.part"
        shutil.copyfile(source, partial)
        partial.replace(home.jars / name)
    return True


def _resolve(home: Home, java: Java) -> None:
    """Let the resolver inside Spark fetch COORDINATES into a cache of ours, blind to the user's own caches."""
    home.ivy.mkdir(exist_ok=True)
    shutil.rmtree(home.ivy / "jars", ignore_errors=True)
    nothing = home.ivy / "nothing.py"
    nothing.write_text('"""Resolving is all that is wanted."""\n', encoding="utf-8")
    python = spark_python()
    run(
        [
            java.binary,
            # A user's ~/.m2 may hold poms without jars, or worse: the resolver gets a home without any.
            f"-Duser.home={home.ivy / 'user'}",
            "-Xmx512m",
            "-cp",
            str(spark_home() / "jars" / "*"),
            "org.apache.spark.deploy.SparkSubmit",
            "--master",
            "local[1]",
            "--conf",
            f"spark.jars.ivy={home.ivy}",
            "--conf",
            f"spark.pyspark.python={python}",
            "--packages",
            ",".join(COORDINATES),
            "--exclude-packages",
            ",".join([*(f"{group}:*" for group in _EXCLUDED), *_NO_KERNEL]),
            str(nothing),
        ],
        what="resolving the jars",
        home=home,
        environment=_environment(java, python),
        remedy=_REMEDY,
    )


def _environment(java: Java, python: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_", "LOGISTICS_"))
    }
    return {**kept, "JAVA_HOME": str(java.home), "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}


def main() -> int:
    """Resolve the jars of the home that the environment names; 0 = complete."""
    settings = settings_module.load()
    home = Home.of(settings)
    try:
        home.create()
        java = java_module.find(settings, home)
        fetched = ensure(home, java)
    except LogisticsError as error:
        print(f"logistics: {error}", file=sys.stderr)  # noqa: T201 - a command of its own
        return error.exit_code
    print(f"{len(expected())} jars in {home.jars}, {'resolved and ' if fetched else ''}verified")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
