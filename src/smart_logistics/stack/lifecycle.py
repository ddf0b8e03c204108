"""Up and down, step by step. `up` started from nothing either finishes or leaves nothing running, however it ends."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata

from smart_logistics.errors import EnvironmentFault, LockHeld, LogisticsError
from smart_logistics.lake import tables
from smart_logistics.orchestration.api import AirflowApi, Credentials
from smart_logistics.orchestration.run_record import record_all
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, class_archive, connections, health, ports, postgres, spark
from smart_logistics.stack import plan as planning
from smart_logistics.stack.credentials import write_private
from smart_logistics.stack.home import Home
from smart_logistics.stack.plan import Plan
from smart_logistics.stack.program import Program
from smart_logistics.stack.supervise import Guard, Supervisor, configure
from smart_logistics.stack.sweep import leftovers, sweep

Say = Callable[[str], None]
# Fifteen seconds on an idle machine; two minutes were seen on one that had eight times too much to do.
_HEALTHY_WITHIN = 300.0
# Started again and again, each time long enough to count as started.
_TOO_MANY_STARTS = 4
_PROVISION = "smart_logistics.orchestration.provision"


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the home's lock: two commands that start and stop the same stack would undo each other."""
    home.run.mkdir(parents=True, exist_ok=True)
    with home.up_lock.open("w") as file:
        try:
            # Not inherited: Python opens files close-on-exec, so no daemon keeps it.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(
                f"another command is starting or stopping the stack in {home.root}",
                remedy="wait for it, then try again",
            ) from None
        yield


def up(settings: Settings, say: Say) -> Plan:
    """Start what does not run yet and return when everything is healthy.

    Args:
        settings: name the home, and what is given rather than started.
        say: told about each step, for the person who waits.

    Raises:
        LogisticsError: with a remedy; if nothing ran before, nothing runs after.
    """
    os.umask(0o077)
    home = Home.of(settings)
    planning.check_space(home)
    home.create()
    with _alone(home):
        supervisor = Supervisor(home)
        held = frozenset(port for name in supervisor.processes() for port in ports.HELD_BY.get(name, ()))
        if supervisor.pid() is None and leftovers(home):
            say(f"ended {sweep(home)} processes that an earlier stack of this home had left behind")
        plan = planning.make(settings, home, held, say)
        postgres.initialise(home)
        programs = plan.programs()
        if supervisor.pid() is not None:
            for name in supervisor.adopt(home, programs):
                say(f"{name} has a new configuration and is started again")
            _start(plan, supervisor, programs, say)
            return plan
        spark.forget_applications(home)
        configure(home, programs)
        guard = Guard(home, planning.supervisor_environment(plan))
        try:
            guard.wait_for_supervisor(supervisor, home)
            _start(plan, supervisor, programs, say)
        except BaseException:
            say("something went wrong: taking down what was started")
            guard.undo()
            raise
        guard.release()
        return plan


def _start(plan: Plan, supervisor: Supervisor, programs: Sequence[Program], say: Say) -> None:
    """Start programs in the order of what needs what; the slow steps side by side."""
    home = plan.home
    spark_names = [program.name for program in programs if program.name.startswith("spark-")]
    airflow_names = [program.name for program in programs if program.name.startswith("airflow-")]
    supervisor.start(postgres.SERVICE)
    for name in spark_names:
        supervisor.start(name)
    _await(plan, supervisor, [postgres.SERVICE], say)
    postgres.create_databases(home, plan.ports, with_source=plan.with_source)
    # Before Airflow starts: a secrets backend whose file is missing fails at every look-up.
    connections.remember_secrets(plan.settings, home, connections.remember_source(plan.settings, home, plan.ports))
    _migrate(plan, say)
    _upgrade(plan, say)
    for name in airflow_names:
        supervisor.start(name)
    with ThreadPoolExecutor(1) as pool:
        provisioned = pool.submit(_provision, plan, say)
        _await(plan, supervisor, [*spark_names, *airflow_names], say, beside=provisioned)
        provisioned.result()
    _record(plan, say)
    _archive(plan, supervisor, say)


def _archive(plan: Plan, supervisor: Supervisor, say: Say) -> None:
    """Have the class-data archive made beside the stack where there is none that fits; nobody waits for it."""
    archive = spark.archive_of(plan.settings, plan.home, plan.java)
    if archive is None or archive.exists():
        return
    say("a class-data archive is made in the background (once): jobs start faster when it is there")
    supervisor.start(class_archive.SERVICE)


def _record(plan: Plan, say: Say) -> None:
    """Record runs whose end nobody could record: the stack was killed, or went down, before the callback ran."""
    try:
        with AirflowApi(Credentials(*connections.airflow_api(plan.settings))) as api:
            count = record_all(api, plan.settings.lakehouse)
    except LogisticsError as error:
        say(f"the run log could not be brought up to date, the next run tries again: {error}")
    else:
        if count:
            say(f"run log: {count} run(s) recorded that ended unnoticed")


def _migrate(plan: Plan, say: Say) -> None:
    """Migrate Airflow's database unless this very version has migrated this very server."""
    mark = f"{metadata.version('apache-airflow')} {postgres.system_identifier(plan.home, plan.ports)}\n"
    if plan.home.migrated.exists() and plan.home.migrated.read_text(encoding="utf-8") == mark:
        return
    say("preparing Airflow's database (once)")
    airflow.migrate(plan.home, plan.airflow_environment())
    write_private(plan.home.migrated, mark)


def _upgrade(plan: Plan, say: Say) -> None:
    """Give the tables of an earlier release what they lack; what cannot be given is said, and stops nothing."""
    lakehouse = plan.settings.lakehouse
    if not tables.is_local(lakehouse):
        return
    try:
        refused = tables.upgrade_all(lakehouse)
    except LogisticsError as error:
        refused = [f"the tables could not be looked at: {error}"]
    for line in refused:
        say(line)


def _provision(plan: Plan, say: Say) -> None:
    if importlib.util.find_spec(_PROVISION) is None:
        say("no connections and variables are written: this installation has no module for them")
        return
    airflow.provision(plan.home, plan.airflow_environment())
    say("connections and variables written")


def _await(
    plan: Plan, supervisor: Supervisor, names: Sequence[str], say: Say, *, beside: Future[None] | None = None
) -> None:
    """Wait until each named service is healthy; say so as they come.

    Raises:
        EnvironmentFault: one has given up, or time is up; with the last line of its log.
    """
    probes = health.probes(plan.home, plan.ports)
    waiting = list(names)
    began = time.monotonic()
    why: dict[str, str] = {}
    starts: dict[str, set[float]] = {name: set() for name in names}
    while waiting:
        if beside is not None and beside.done() and beside.exception() is not None:
            return  # the caller raises it
        processes = supervisor.processes()
        for name in list(waiting):
            info = processes.get(name, {})
            starts[name].add(float(info.get("start", 0)))
            if info.get("statename") == "FATAL" or len(starts[name]) > _TOO_MANY_STARTS:
                raise EnvironmentFault(
                    f"{name} does not stay up: {_last_line(plan.home, name)}", remedy=_see(plan.home, name)
                )
            problem = health.check(probes[name], float(info.get("start", 0)))
            if problem is None:
                waiting.remove(name)
                say(f"{name} is healthy after {time.monotonic() - began:.0f} s")
            why[name] = problem or ""
        if waiting and time.monotonic() - began > _HEALTHY_WITHIN:
            name = waiting[0]
            raise EnvironmentFault(
                f"{name} is not healthy after {_HEALTHY_WITHIN:.0f} s: {why[name]}", remedy=_see(plan.home, name)
            )
        time.sleep(0.3 if waiting else 0)


def _last_line(home: Home, name: str) -> str:
    try:
        lines = home.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return "it wrote nothing"
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it wrote nothing")


def _see(home: Home, name: str) -> str:
    return f"see {home.log(name)}"


def down(settings: Settings, say: Say) -> int:
    """Stop exactly what `up` started; return how many processes had to be ended beside the supervised ones."""
    home = Home.of(settings)
    if not home.run.exists():
        say(f"there is no stack in {home.root}")
        return 0
    with _alone(home):
        supervisor = Supervisor(home)
        running = [
            name for name, info in supervisor.processes().items() if info["statename"] in ("RUNNING", "STARTING")
        ]
        if running:
            say("stopping Airflow")
            supervisor.stop_together([name for name in running if name.startswith("airflow-")])
            say("stopping Spark and PostgreSQL")
            supervisor.stop_together([name for name in running if name.startswith("spark-")])
        supervisor.shut_down(timeout=90)
        more = sweep(home)
        if not running and not more:
            say(f"nothing runs in {home.root}")
        elif more:
            say(f"ended {more} further processes")
        home.supervisord_pid.unlink(missing_ok=True)
        home.socket.unlink(missing_ok=True)
        return more
