"""docs/tasks.md, made from the DAGs themselves: what each task is for, reads and writes, and what its failure means."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from smart_logistics.contracts import lineage
from smart_logistics.contracts.source import SCHEMA
from smart_logistics.errors import FAMILY
from smart_logistics.jobs.catalog import JOBS, Job
from smart_logistics.settings import BY_NAME as SETTINGS
from smart_logistics.settings import PREFIX, REPOSITORY


class Facts(NamedTuple):
    """What the table says of a task."""

    purpose: str
    reads: str
    writes: str
    failure: str


# Of tasks that are no job of the catalog.
_OTHERS = {
    "start": Facts(
        "see that everything a run needs is there; record and tell of what a crash left untold",
        "connections, Variables, Airflow's records of runs",
        "`ops.pipeline_runs`, `ops.task_runs`, `ops.missed_deadlines` of earlier runs",
        "a setting or connection is missing or wrong: all of them are named",
    ),
    "wait_for_iot_files": Facts(
        "wait for telemetry files, without holding a worker slot",
        "the names in the landing folder",
        "—",
        "the folder is missing or unreadable; *skipped* is a quiet hour",
    ),
    "end": Facts("the run is done", "—", "—", "—"),
    "look": Facts(
        "every quarter of an hour: notice that Gold is stale, a task takes unusually long, a run ended untold",
        "Airflow's records of runs, `ops.pipeline_runs`, `ops.task_runs`",
        "`ops.missed_deadlines`; the run log where a run is missing",
        "it could not be looked; the next one does",
    ),
    "lakehouse_maintenance": Facts(
        "join small files, lay rows that are looked up together side by side, delete what no table needs any more",
        "every table's log and files",
        "the same rows in fewer files; `ops.table_health`",
        "the tables that it names stay as they were",
    ),
    "clean_up": Facts(
        "delete what is older than it is kept: task logs, scratch, Airflow's records of runs",
        "logs, scratch, Airflow's records",
        "—",
        "Airflow's database could not be cleaned",
    ),
}


# What a task takes at most for an hour of the sample fleet, on two cores with nothing beside it, in seconds. A test on
# the real stack holds a run to it, with room for a machine that has other things to do.
EXPECTED_SECONDS = {
    "start": 20,
    "wait_for_iot_files": 80,
    "bronze_ingest_sql": 60,
    "bronze_ingest_iot": 60,
    "silver_transactional": 90,
    "silver_iot": 60,
    "gold_aggregate": 60,
    "data_quality_check": 60,
    "end": 5,
    "lakehouse_maintenance": 120,
    "full_audit": 120,
    "clean_up": 60,
    "look": 20,
}


@contextmanager
def _default_settings() -> Iterator[None]:
    """Let the DAGs be parsed with the settings' defaults, whatever this process was given."""
    given = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    try:
        yield
    finally:
        os.environ.update(given)


def _dags() -> dict[str, Any]:
    """Return every DAG by its id, the pipeline first."""
    with _default_settings():
        files = sorted(Path(REPOSITORY, "dags").glob("*.py"), reverse=True)
        made = [one for path in files for one in runpy.run_path(str(path)).values()]
    return {one.dag.dag_id: one.dag for one in made if hasattr(one, "task_id")}


def facts(task_id: str) -> Facts:
    """Return what is said of a task."""
    return _of_job(JOBS[task_id]) if task_id in JOBS else _OTHERS[task_id]


def _of_job(job: Job) -> Facts:
    outside = [
        *([f"PostgreSQL, schema `{SCHEMA}`"] if job.reads_source else []),
        *(["the landing folder"] if job.reads_landing else []),
    ]
    moved = ["the files, to `archive/` or `failed/`"] if job.reads_landing else []
    reads = [table.full_name for table in lineage.reads(job.name)]
    writes = [table.full_name for table in lineage.writes(job.name)]
    return Facts(job.purpose, _listed(outside, reads), _listed(moved, writes), job.failure)


def _listed(others: Sequence[str], tables: Sequence[str]) -> str:
    """Name tables by layer, a layer once."""
    layers = list(dict.fromkeys(name.split(".")[0] for name in tables))
    by_layer = [
        f"{layer}: " + ", ".join(f"`{name.split('.')[1]}`" for name in tables if name.startswith(f"{layer}."))
        for layer in layers
    ]
    return "; ".join([*others, *by_layer]) or "—"


def page(head: str) -> str:
    """Return the page; ``head`` says that it is made."""
    parts = [
        head,
        "# Tasks",
        "**Safe to re-run?** Yes, every task and at any time: it continues from where it was, and what has been taken "
        "is not taken twice. To repeat after a failure, clear the failed task with its downstream tasks.",
        "**How long?** What each task usually takes on your data is in `ops.task_runs`:",
        '```\nlogistics query "SELECT task_id, median(duration_s) AS usual_s, max(duration_s) AS longest_s '
        "FROM ops.task_runs WHERE state = 'success' GROUP BY task_id\"\n```",
        "Where there is no such history yet: *expected* is what a task takes at most for an hour of the sample fleet, "
        "on two cores with nothing beside it. A large backlog takes longer. One "
        "that took more than twice its usual time is a row of `ops.missed_deadlines`. After the limit in the table it "
        "is ended. In a quiet hour `wait_for_iot_files` takes `LOGISTICS_SENSOR_TIMEOUT_SECONDS`, by default "
        f"{SETTINGS['SENSOR_TIMEOUT_SECONDS'].default} s.",
    ]
    for name, dag in _dags().items():
        parts += [f"## `{name}`", _table(dag)]
    parts.append(
        "After a quiet hour `bronze_ingest_iot` is skipped and the rest runs on, so Gold stays fresh from the source's "
        "changes. When the run has ended, whatever its state, it is recorded in `ops.pipeline_runs` and "
        "`ops.task_runs`. More on upkeep: [maintenance](maintenance.md)."
    )
    parts += ["## Exit codes of the jobs, which decide about retries", _codes()]
    return "\n\n".join(parts) + "\n"


def _table(dag: Any) -> str:
    rows = ["| task | for | after | reads | writes | expected | ended after | a failure means |", "| --- " * 8 + "|"]
    for task in dag.topological_sort():
        said = facts(task.task_id)
        after = ", ".join(f"`{name}`" for name in sorted(task.upstream_task_ids)) or "—"
        limit = task.execution_timeout
        minutes = f"{limit.total_seconds() / 60:g} min" if limit else "—"
        expected = f"{EXPECTED_SECONDS[task.task_id]} s"
        cells = (f"`{task.task_id}`", said.purpose, after, said.reads, said.writes, expected, minutes, said.failure)
        rows.append(f"| {' | '.join(cells)} |")
    policy = dag.default_args
    delay, most = (policy[name].total_seconds() / 60 for name in ("retry_delay", "max_retry_delay"))
    rows += [
        "",
        f"A failed task is tried {policy['retries']} more times, after {delay:g} minutes, doubling, at most {most:g}, "
        "unless its error says that this cannot help; then it fails at once.",
    ]
    return "\n".join(rows)


def _codes() -> str:
    rows = ["| code | error | means | tried again | more |", "| --- " * 5 + "|"]
    for kind in FAMILY:
        meaning = " ".join((kind.__doc__ or "").split()).rstrip(".")
        again = "yes" if kind.transient else "no"
        link = f"[entry](troubleshooting.md#{kind.guide})"
        rows.append(f"| {kind.exit_code} | `{kind.__name__}` | {meaning} | {again} | {link} |")
    return "\n".join(rows)
