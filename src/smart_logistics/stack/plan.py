"""What `up` decides before it starts anything: ports, Java, environment, programs. Failing here costs nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from smart_logistics.errors import EnvironmentFault
from smart_logistics.orchestration import config_files
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, jars, java, ports, postgres, source, spark
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.ports import Ports
from smart_logistics.stack.program import MARKER, Program

OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 1 << 30
# Of other Airflow, Spark and PostgreSQL installations of this user: a stack must not take up their settings.
_FOREIGN = ("AIRFLOW", "_AIRFLOW", "SPARK_", "PYSPARK_", "PYTHON", "PG", "LOGISTICS_", "VIRTUAL_ENV")
# Switches that only add to Airflow what an operator wants to see.
_WELCOME = ("AIRFLOW__METRICS__", "AIRFLOW__TRACES__", "AIRFLOW__OPENLINEAGE__")


@dataclass(frozen=True)
class Plan:
    """Everything that starting needs to know."""

    settings: Settings
    home: Home
    ports: Ports
    java: Java
    environment: dict[str, str]

    @property
    def with_source(self) -> bool:
        """Whether the embedded server holds the source database."""
        return self.settings["SOURCE_DSN"] is None

    def programs(self) -> list[Program]:
        """Return every program in the order in which they start."""
        return [
            postgres.program(self.home, self.ports),
            *spark.programs(self.settings, self.home, self.ports, self.java),
            *airflow.programs(self.home, self.ports, self.environment),
        ]

    def airflow_environment(self) -> dict[str, str]:
        """Return the whole environment of an Airflow command that runs outside the supervisor."""
        return {**base_environment(), **self.environment}


def base_environment() -> dict[str, str]:
    """Return this process's environment without what would mislead the stack's processes, and without our secrets."""
    return {
        name: value for name, value in os.environ.items() if name.startswith(_WELCOME) or not name.startswith(_FOREIGN)
    }


def check_machine(home: Home) -> None:
    """Check versions and free space.

    Raises:
        EnvironmentFault: something is missing.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise EnvironmentFault(
            f"Python {sys.version.split()[0]} is too old", remedy=f"use {'.'.join(map(str, OLDEST_PYTHON))} or newer"
        )
    airflow.check_version()
    spark.spark_home()
    postgres.binaries()
    check_space(home)


def check_space(home: Home) -> None:
    """Raise EnvironmentFault if the disk of the home is as good as full."""
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < NEEDED_BYTES:
        raise EnvironmentFault(
            f"only {free >> 20} MB are free on the disk of {home.root}, {NEEDED_BYTES >> 20} MB are needed",
            remedy="free some space, or set LOGISTICS_HOME to another disk",
        )


def make(settings: Settings, home: Home, in_use: frozenset[str], say: Callable[[str], None]) -> Plan:
    """Check everything that can be checked before starting, write the configuration, return the plan."""
    check_machine(home)
    config_files.read_connections()
    config_files.read_variables()
    if settings["SOURCE_DSN"] is not None:
        source.check(settings["SOURCE_DSN"])
    found_java = java.find(settings, home)
    home.create()
    chosen = ports.choose(settings, home, in_use)
    for name in chosen.moved:
        say(f"the kept port LOGISTICS_{name} was taken by another process; it is now {chosen[name]}")
    say(str(found_java))
    if jars.ensure(home, found_java):
        say("jars resolved and verified")
    spark.write_properties(settings, home, chosen, found_java)
    airflow.write_configuration(settings, home, chosen)
    return Plan(settings, home, chosen, found_java, airflow.environment(settings, home, found_java))


def supervisor_environment(plan: Plan) -> dict[str, str]:
    """Return the environment of the supervisor, which every program inherits."""
    return {**base_environment(), MARKER: str(plan.home.root), "PYTHONUNBUFFERED": "1"}
