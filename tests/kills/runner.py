"""A task's runner without Airflow: submits one job as the operator does. usage: runner.py HOME PYTHON TRY"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from smart_logistics.jobs import submit, tether
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT as JOB
from smart_logistics.orchestration import predecessor


def main(home: Path, python: str, number: int) -> int:
    tether.die_with_parent(os.getppid())
    whose = predecessor.Instance(str(home), "a_dag", JOB.name, "a_run", number)
    lakehouse, landing = str(home / "lakehouse"), str(home / "landing")
    command = submit.command(
        JOB,
        master="local[1]",
        properties_file=str(home / "spark.conf"),
        name="held",
        arguments=JOB.arguments(run_id="a_run", lakehouse=lakehouse, landing=landing, setting=lambda _: "0"),
        conf={"spark.pyspark.driver.python": python},
    )
    environment = submit.environment(JOB, source_dsn=None) | whose.mark()
    # Read to its end, as the operator does: the pipe is the JVM's.
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        with (home / f"output-{number}").open("wb") as output:
            for line in process.stdout:
                output.write(line)
                output.flush()
    predecessor.end_own(whose)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
