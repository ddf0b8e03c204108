"""What is wrong, before or after `up`: each check is one line, and each failure says what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.errors import LogisticsError
from smart_logistics.orchestration import config_files
from smart_logistics.settings import Settings
from smart_logistics.stack import (
    airflow,
    class_archive,
    connections,
    jars,
    java,
    plan,
    ports,
    postgres,
    source,
    spark,
    status,
)
from smart_logistics.stack.home import Home
from smart_logistics.stack.supervise import Supervisor


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    subject: str
    good: bool
    text: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield every finding; a failed check does not keep the next from running."""
    home = Home.of(settings)
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("environments", _environments),
        ("Java", lambda: str(java.find(settings, home))),
        ("disk", lambda: _disk(home)),
        ("permissions", lambda: _permissions(home)),
        ("configuration", _configuration),
        ("ports", lambda: _ports(settings, home)),
        ("jars", lambda: _jars(home)),
        ("class archive", lambda: _class_archive(settings, home)),
        ("source", lambda: _source(settings, home)),
        ("mail", lambda: _mail(settings)),
        ("services", lambda: _services(settings, home)),
    )
    for subject, check in checks:
        try:
            yield Finding(subject, True, check())
        except LogisticsError as error:
            yield Finding(subject, False, error.what, error.remedy)


def _fault(what: str, remedy: str) -> LogisticsError:
    return LogisticsError(what, remedy=remedy)


def _environments() -> str:
    airflow.check_version()
    postgres.binaries()
    spark.spark_home()
    return f"Airflow {airflow.AIRFLOW_VERSION} here, Spark {spark.SPARK_VERSION} in {spark.spark_environment().name}"


def _configuration() -> str:
    found = len(config_files.read_connections()), len(config_files.read_variables())
    return "config/ names {} connections and {} Variables".format(*found)


def _disk(home: Home) -> str:
    plan.check_space(home)
    return f"enough space for {home.root}"


def _permissions(home: Home) -> str:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        raise _fault(f"{place} may not be written by this user", "set LOGISTICS_HOME to a folder of yours")
    if not home.secrets.exists():
        return "nothing private yet"
    private = [*home.secrets.iterdir(), home.spark_properties, home.airflow_cfg, home.supervisord_conf]
    for path in [home.secrets, *(path for path in private if path.exists())]:
        found = path.stat()
        if found.st_uid != os.getuid():
            raise _fault(f"{path} belongs to another user", "use the stack as the user who started it first")
        if found.st_mode & 0o077:
            raise _fault(f"{path} is open to others", f"chmod go= {path}")
    return f"{home.root} is ours and its secrets are private"


def _ports(settings: Settings, home: Home) -> str:
    kept = ports.kept(home)
    held = {name for program in Supervisor(home).processes() for name in ports.HELD_BY.get(program, ())}
    for name in ports.NAMES:
        port = settings[name] or kept.get(name)
        ours = name in held and kept.get(name) == port
        if settings[name] is not None and not ours and not ports.is_free(settings[name]):
            raise _fault(
                f"LOGISTICS_{name}={port} is taken by another process", "end that process or choose another port"
            )
    return (
        ", ".join(f"{name.removesuffix('_PORT').lower()} {port}" for name, port in kept.items()) or "free ones at `up`"
    )


def _jars(home: Home) -> str:
    problems = jars.wrong(home.jars)
    if problems:
        name, problem = next(iter(problems.items()))
        raise _fault(f"{home.jars / name}: {problem}", "run `logistics up`, which resolves what is missing")
    return f"{len(jars.expected())} in {home.jars}, as reviewed"


def _class_archive(settings: Settings, home: Home) -> str:
    archive = spark.archive_of(settings, home, java.find(settings, home))
    if archive is None:
        return "none: jobs go to a cluster elsewhere, or this Java comes without one of its own"
    if archive.exists():
        return f"{archive.name}, {archive.stat().st_size >> 20} MB"
    made = Supervisor(home).processes().get(class_archive.SERVICE, {})
    if made.get("statename") == "EXITED" and made.get("exitstatus"):
        log = home.log(class_archive.SERVICE)
        raise _fault("no class-data archive could be made: jobs start more slowly", f"see {log}, then `logistics up`")
    return "not there yet: `logistics up` has it made in the background"


def _source(settings: Settings, home: Home) -> str:
    if settings["SOURCE_DSN"] is None and not Supervisor(home).processes():
        return "the embedded PostgreSQL, which is not running"
    dsn = connections.source_dsn(settings)
    source.check(dsn)
    return f"{source.place(dsn)} answers"


def _mail(settings: Settings) -> str:
    if settings["SMTP_HOST"] is None:
        return "no LOGISTICS_SMTP_HOST: alerts are only logged"
    if settings["SMTP_TO"] is None:
        raise _fault("LOGISTICS_SMTP_HOST is set but nobody is to receive mail", "set LOGISTICS_SMTP_TO")
    return f"{settings['SMTP_HOST']}:{settings['SMTP_PORT']}"


def _services(settings: Settings, home: Home) -> str:
    if Supervisor(home).pid() is None:
        return "not started"
    for service in status.services(settings):
        if service.state != "healthy":
            log: Path = home.log(service.name)
            raise _fault(f"{service.name} is {service.state}: {service.detail}", f"see {log}, or run `logistics up`")
    return "all healthy"
