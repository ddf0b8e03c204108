"""A warm session for tests: a server of its own, and how a job is run on it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smart_logistics import settings
from smart_logistics.jobs import catalog, submit, warm
from smart_logistics.jobs.catalog import Job
from smart_logistics.lake import spark_conf
from tests.spark.jars import installed

_TOKEN = "a-token"


@dataclass
class Server:
    """A server that runs, how to reach it, and its log."""

    process: subprocess.Popen[bytes]
    session: warm.Session
    log: Path

    def said(self, what: str, seconds: float = 30) -> bool:
        """Wait for a line of its log."""
        end = time.monotonic() + seconds
        while what not in self.log.read_text(errors="replace"):
            if time.monotonic() > end or self.process.poll() is not None:
                return False
            time.sleep(0.1)
        return True

    def environment(self) -> dict[str, str]:
        """What a process on the session is started with."""
        return submit.environment(catalog.SILVER_IOT, source_dsn=None) | self.session.variables()

    def run(self, job: Job, folder: Path, run_id: str = "r") -> subprocess.CompletedProcess[str]:
        """Run a job on the session, as the operator does it."""
        arguments = job.arguments(
            run_id=run_id,
            lakehouse=str(folder / "lakehouse"),
            landing=str(folder / "landing"),
            setting=lambda name: "0" if name == "SETTLE_SECONDS" else str(settings.BY_NAME[name].default),
        )
        words = submit.command(
            job,
            master="local[2]",
            properties_file="/none",
            name="n",
            arguments=arguments,
            spark_submit=self.session.words(sys.executable),
        )
        return subprocess.run(words, env=self.environment(), capture_output=True, text=True, timeout=240, check=False)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve from ``folder`` until the end of the block."""
    jars = installed()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    conf = spark_conf.job_properties(jars, folder / "scratch") | spark_conf.session_properties(port, _TOKEN)
    conf |= spark_conf.cluster_properties("local[2]", python=sys.executable, cores=2)
    (folder / "conf").write_text(spark_conf.render(conf))
    session = warm.Session(f"sc://localhost:{port}", "local[2]", _TOKEN)
    log = folder / "log"
    command = [submit.SPARK_SUBMIT, "--properties-file", str(folder / "conf"), str(warm.SCRIPT)]
    environment = submit.environment(catalog.SILVER_IOT, source_dsn=None)
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        one = Server(process, session, log)
        try:
            assert one.said("warm session: ready", 600), log.read_text(errors="replace")[-4000:]
            yield one
        finally:
            process.kill()
