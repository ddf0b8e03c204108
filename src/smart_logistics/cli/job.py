"""`logistics job`: one PySpark job without Airflow, submitted exactly as the DAG does it."""

from __future__ import annotations

import typer

CONTEXT = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command("job", context_settings=CONTEXT)(job)


def job(
    name: str = typer.Argument(..., metavar="NAME", help="The job: its task's id in the DAG."),
    arguments: list[str] = typer.Argument(None, metavar="[-- ARGS]", help="Arguments that replace the job's own."),
    run_id: str = typer.Option("", "--run-id", help="The run's id in the tables; by default manual__<now>."),
) -> None:
    """Run one PySpark job with the same spark-submit arguments that the DAG uses, without Airflow."""
    from smart_logistics.cli.jobs_run import run_job

    raise typer.Exit(run_job(name, arguments or [], run_id))
