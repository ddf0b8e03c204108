"""Airflow's scheduler, with what the DAG files import in memory already: ``python -m`` this, then ``airflow``'s words.

LocalExecutor forks each task from it, and a task reads its DAG file anew: half a second of processor time for libraries
alone, and forty megabytes of its own, which are the scheduler's this way. Only the libraries: our own modules are
read by each task, as the DAG file is.
"""

from __future__ import annotations

import importlib

from airflow.__main__ import main

# Imported and not used: no thread of theirs is started, so forks are safe.
LIBRARIES = (
    "airflow.providers.apache.spark.operators.spark_submit",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.retry_policy",
    "deltalake",
    "pyarrow.compute",
    "pyarrow.fs",
)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    main()
