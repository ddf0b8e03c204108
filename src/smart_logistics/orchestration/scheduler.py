"""Airflow's scheduler, with what the DAG files import in memory already: ``python -m`` this, then ``airflow``'s words.

LocalExecutor forks each task from it, and a task reads its DAG file anew: half a second of processor time for libraries
alone, as much again where it reads a table, a fifth of a second for our own modules, and forty megabytes, which are the
scheduler's this way. Who changes a module of ours restarts the scheduler: `logistics up` does. The DAG file itself is
read by each task.

The executor's workers are forked, too, and die with the scheduler. One that outlived it would keep open what it had
inherited: the killed scheduler's connection to the database, and with it, now and then, the lock in which tasks are
queued. No other scheduler could queue one again.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
from functools import partial

from airflow.__main__ import main

# Imported and not used: no thread of theirs is started, so forks are safe.
IN_MEMORY = (
    "airflow.providers.apache.spark.operators.spark_submit",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.cache",
    "deltalake",
    "deltalake.fs",
    "jinja2.ext",
    # What turns instants of Arrow into Python's asks for it.
    "pandas",
    "psycopg",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.fs",
    "pyarrow.parquet",
    *(f"smart_logistics.orchestration.{name}" for name in ("deadlines", "maintenance", "policies", "requests")),
    *(f"smart_logistics.orchestration.{name}" for name in ("run_end", "sensor", "start", "watch")),
)

_PR_SET_PDEATHSIG = 1


def die_with_us() -> None:
    """Let every process that is forked from this one, but not what those fork, die as soon as this one does.

    Linux only; elsewhere the stack's sweep has to do.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        os.register_at_fork(after_in_child=partial(_die_with, os.getpid(), libc))


def _die_with(parent: int, libc: ctypes.CDLL) -> None:
    if os.getppid() != parent:
        return  # forked by one of ours, or the parent died first
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with_us()
    for module in IN_MEMORY:
        importlib.import_module(module)
    main()
