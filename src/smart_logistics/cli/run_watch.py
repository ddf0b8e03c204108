"""Triggers a run and shows on stderr, live, what its tasks do."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from smart_logistics import settings
from smart_logistics.cli.rendering import visible
from smart_logistics.errors import LogisticsError
from smart_logistics.jobs.catalog import BRONZE_INGEST_IOT, PIPELINE
from smart_logistics.jobs.request import DRY_RUN
from smart_logistics.orchestration.api import AirflowApi, AirflowUnavailable, Credentials, NotFound
from smart_logistics.orchestration.run_record import ERROR_KEY, LOST, record_ended

SUCCEEDED, FAILED, TIMED_OUT = 0, 1, 3
_ENDED = ("success", "failed")
_POLL_SECONDS = 1.0
_PARSE_SECONDS = 120.0
_UNANSWERED_SECONDS = 60.0
_STYLES = {
    "success": "green",
    "failed": "bold red",
    "upstream_failed": "red",
    "running": "cyan",
    "skipped": "magenta",
    "up_for_retry": "yellow",
    "deferred": "blue",
}


@dataclass
class Outcome:
    """A run as it was last seen."""

    run: dict[str, Any]
    tasks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Airflow's state of the run."""
        return str(self.run["state"])

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return {"success": SUCCEEDED, "failed": FAILED}.get(self.state, TIMED_OUT)

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object."""
        return {
            "dag_run_id": self.run["dag_run_id"],
            "state": self.state,
            "duration_s": _seconds(self.run),
            "tasks": [
                {
                    "task_id": task["task_id"],
                    "state": task["state"],
                    "try_number": task["try_number"],
                    "duration_s": _seconds(task),
                }
                for task in self.tasks
            ],
        }


def run_pipeline(dag_id: str, timeout: float, asked: Mapping[str, Any] | None = None) -> Outcome:
    """Trigger a run, ``asked`` for what its form has fields for, and wait for its end, at most ``timeout`` seconds.

    Raises:
        ConfigurationError: no stack was started in this home.
        AirflowUnavailable: the API does not answer, or the DAG cannot be parsed.
    """
    from smart_logistics.stack.connections import airflow_api

    deadline = time.monotonic() + timeout
    console = Console(stderr=True)
    loaded = settings.load()
    with AirflowApi(Credentials(*airflow_api(loaded))) as api:
        _wait_until_parsed(api, dag_id, console)
        if active := api.runs(dag_id, states=("queued", "running"), limit=1):
            console.print(
                f"{escape(active[0]['dag_run_id'])} is {active[0]['state']}; this run waits until it has ended"
            )
        run_id = api.trigger(dag_id, asked)
        console.print(f"run [bold]{escape(run_id)}[/]")
        outcome = _watch(api, dag_id, run_id, deadline, console)
        _tell_failures(api, outcome, console)
        _tell_files(api, outcome, console)
        if asked and asked.get(DRY_RUN):
            _tell_plan(api, outcome, console)
        if outcome.state in _ENDED:
            _record(api, dag_id, loaded.lakehouse, console)
    if outcome.exit_code == TIMED_OUT:
        console.print(f"[yellow]not ended after {timeout:.0f} s; it goes on in Airflow[/]")
    return outcome


def _wait_until_parsed(api: AirflowApi, dag_id: str, console: Console) -> None:
    """Wait for the DAG, which a stack that has just been started has yet to parse; let it run where it is paused."""
    give_up = time.monotonic() + _PARSE_SECONDS
    said = False
    while True:
        try:
            dag = api.dag(dag_id)
            break
        except NotFound:
            if time.monotonic() > give_up:
                broken = "; ".join(str(one["stack_trace"]).strip().splitlines()[-1] for one in api.import_errors())
                raise AirflowUnavailable(
                    f"Airflow does not know the DAG {dag_id}" + (f": {broken}" if broken else ""),
                    remedy="see the DAG processor's log in the home's logs",
                ) from None
        if not said:
            console.print("waiting for Airflow to parse the DAG")
            said = True
        time.sleep(_POLL_SECONDS)
    if dag["is_paused"]:
        api.unpause(dag_id)
        console.print("the DAG was paused; it runs hourly from now on")


def _watch(api: AirflowApi, dag_id: str, run_id: str, deadline: float, console: Console) -> Outcome:
    outcome = Outcome(api.run(dag_id, run_id), api.tasks(dag_id, run_id))
    answered = time.monotonic()
    with Live(_picture(outcome), console=console, refresh_per_second=2, transient=not console.is_terminal) as live:
        while outcome.state not in _ENDED and time.monotonic() < deadline:
            time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            try:
                outcome = Outcome(api.run(dag_id, run_id), api.tasks(dag_id, run_id))
                answered = time.monotonic()
            except AirflowUnavailable:
                # The API server may be restarting; the run does not depend on it.
                if time.monotonic() - answered > _UNANSWERED_SECONDS:
                    raise
            live.update(_picture(outcome))
    if outcome.state in _ENDED:
        # The states of tasks may have been read just before the last of them ended.
        outcome.tasks = api.tasks(dag_id, run_id)
    outcome.tasks.sort(key=lambda task: (task["start_date"] or "9999", task["task_id"]))
    if not console.is_terminal:
        console.print(_picture(outcome))
    return outcome


def _picture(outcome: Outcome) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for task in sorted(outcome.tasks, key=lambda task: (task["start_date"] or "9999", task["task_id"])):
        state = task["state"] or "waiting"
        seconds = _seconds(task)
        table.add_row(
            task["task_id"],
            f"[{_STYLES.get(state, 'dim')}]{state}[/]",
            "" if seconds is None else f"{seconds:.1f} s",
            f"try {task['try_number']}" if task["try_number"] > 1 else "",
        )
    seconds = _seconds(outcome.run)
    table.add_row("[bold]run[/]", f"[{_STYLES.get(outcome.state, 'dim')}]{outcome.state}[/]", f"{seconds or 0:.1f} s")
    return table


def _tell_failures(api: AirflowApi, outcome: Outcome, console: Console) -> None:
    dag_id, run_id = outcome.run["dag_id"], outcome.run["dag_run_id"]
    for task in outcome.tasks:
        if task["state"] == "failed":
            kept = api.state_store(dag_id, run_id, task["task_id"])
            why = str(kept.get(f"{ERROR_KEY}{task['try_number']}", LOST))
            console.print(f"[bold red]{task['task_id']}[/]: {escape(why)}")


def _tell_files(api: AirflowApi, outcome: Outcome, console: Console) -> None:
    """Name the telemetry files of which nothing could be read, and those that could not be taken."""
    told = api.counts(outcome.run["dag_id"], outcome.run["dag_run_id"], BRONZE_INGEST_IOT.name)
    for line in file_troubles(told):
        console.print(f"[yellow]{escape(line)}[/]")


def _tell_plan(api: AirflowApi, outcome: Outcome, console: Console) -> None:
    """Print what each task of a dry run would do."""
    for name in PIPELINE:
        told = api.counts(outcome.run["dag_id"], outcome.run["dag_run_id"], name)
        for line in plan_lines(name, told):
            console.print(escape(line))


def plan_lines(name: str, told: Mapping[str, Any]) -> list[str]:
    """Return what a person is told of one task's plan (see ``jobs.runner.planned``)."""
    if not told.get("dry_run"):
        return []
    rows, said = told.get("would_write") or {}, told.get("would_say") or {}
    lines = [f"{name} would write {count} rows of {table}" for table, count in sorted(rows.items())]
    if lines:
        return lines
    # A job that plans without its tables says in its own words what it would find.
    return [f"{name} would write nothing" if "rows" in said else f"{name} would find {json.dumps(said)}"]


def file_troubles(told: Mapping[str, Any]) -> list[str]:
    """Return what a person must know of the files of a run, from the counts of its ``bronze_ingest_iot``."""
    lines = []
    failed, left = told.get("failed_files") or [], told.get("left_files") or []
    if failed:
        count = (told.get("files") or {}).get("FAILED", len(failed))
        lines.append(f"{count} file{'s' * (count > 1)} in failed/, nothing in them could be read:")
        lines += [f"  {visible(name)}" for name in failed]
        if count > len(failed):
            lines.append(f"  … and {count - len(failed)} more")
        lines.append(
            "  why: logistics query \"SELECT file_name, error FROM bronze.processed_files_log WHERE status = 'FAILED'\""
        )
    if left:
        lines.append("left in the landing folder, because they may not be moved:")
        lines += [f"  {visible(name)}" for name in left]
    return lines


def _record(api: AirflowApi, dag_id: str, lakehouse: str, console: Console) -> None:
    """Bring the run log up to date: Airflow's own callback comes seconds later, and whoever waited wants to look."""
    try:
        record_ended(api, dag_id, lakehouse)
    except LogisticsError as error:
        console.print(f"[yellow]the run log is not written yet: {escape(str(error))}[/]")


def _seconds(record: dict[str, Any]) -> float | None:
    """Return how long a run or task has taken until now."""
    if not record["start_date"]:
        return None
    start = datetime.fromisoformat(record["start_date"])
    end = datetime.fromisoformat(record["end_date"]) if record["end_date"] else datetime.now(UTC)
    return round((end - start).total_seconds(), 3)
