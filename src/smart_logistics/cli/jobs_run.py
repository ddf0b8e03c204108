"""How `logistics job` submits: settings in, the driver's output through, its exit code out."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from smart_logistics import parsing, settings
from smart_logistics.errors import ConfigurationError, SessionUnusable
from smart_logistics.jobs import catalog, submit, warm
from smart_logistics.jobs.catalog import Job
from smart_logistics.settings import Settings


def arguments_of(job: Job, loaded: Settings, run_id: str) -> list[str]:
    """Return the job's arguments, from the settings where the DAG has templates of Variables."""
    return job.arguments(
        run_id=run_id,
        lakehouse=loaded.lakehouse,
        landing=str(loaded.landing),
        setting=lambda name: str(loaded[name]),
    )


def run_job(name: str, extra: list[str], run_id: str = "") -> int:
    """Submit a job, let its output through, and return its exit code; ``extra`` arguments come last, so that they win.

    Raises:
        ConfigurationError: there is no such job, or no stack to run it on.
    """
    from smart_logistics.stack import ports
    from smart_logistics.stack.connections import source_dsn
    from smart_logistics.stack.home import Home
    from smart_logistics.stack.ports import Ports
    from smart_logistics.stack.spark import master_url

    job = catalog.JOBS.get(name)
    if job is None:
        raise ConfigurationError(f"there is no job {name}", remedy=f"one of: {', '.join(catalog.JOBS)}")
    submit.spark_home()
    loaded = settings.load()
    home = Home.of(loaded)
    if not home.spark_properties.exists():
        raise ConfigurationError(f"there is no stack in {home.root}", remedy="run `logistics up` first")
    run_id = run_id or f"manual__{datetime.now(UTC).isoformat()}"
    master = master_url(loaded, Ports(ports.kept(home)))
    site = submit.spark_conf(loaded["SPARK_CONF"], job)
    dsn = source_dsn(loaded) if job.reads_source else None

    def submitted(session: warm.Session | None, *, many_rows: bool = False) -> int:
        words = [submit.SPARK_SUBMIT] if session is None else session.words(submit.SPARK_PYTHON)
        command = submit.command(
            job,
            master=master,
            properties_file=str(home.spark_properties),
            name=f"logistics.{job.name}.{run_id}",
            arguments=[*arguments_of(job, loaded, run_id), *extra],
            conf=submit.of_master(master) | submit.of_size(job, many_rows=many_rows) | site,
            spark_submit=words,
        )
        given = submit.environment(job, source_dsn=dsn, master=master)
        return _run(command, given | (session.variables() if session else {}))

    many_rows = False
    if loaded["SPARK_SESSION"] == parsing.WARM:
        session = warm.choose(home.root, job, master=master, lakehouse=loaded.lakehouse, conf=site)
        if isinstance(session, warm.Session):
            code = submitted(session)
            if code != SessionUnusable.exit_code:
                return code
            # Mostly it says that rows are many.
            session, many_rows = "it could not be used", True
        sys.stderr.write(f"no warm session, {session}: {job.name} {warm.OWN_DRIVER}\n")
    return submitted(None, many_rows=many_rows)


def _run(command: list[str], environment: dict[str, str]) -> int:
    sys.stdout.flush()
    with subprocess.Popen(command, env=environment) as driver:
        try:
            return driver.wait()
        except KeyboardInterrupt:
            # The tether ends the driver, which may take a few seconds.
            driver.terminate()
            driver.wait()
            raise
