"""`logistics job`: one PySpark job without Airflow, submitted exactly as the DAG does it."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command("job")(job)


def job(
    name: str = typer.Argument(..., metavar="NAME", help="The job: its task's id in the DAG."),
    arguments: list[str] = typer.Argument(
        None, metavar="[-- ARGS]", help="Arguments for the job itself; they win over those that it is given."
    ),
    run_id: str = typer.Option("", "--run-id", help="The run's id in the tables; by default manual__<now>."),
) -> None:
    """Run one PySpark job with the same spark-submit arguments that the DAG uses, without Airflow."""
    from smart_logistics.cli.jobs_run import run_job

    raise typer.Exit(run_job(name, arguments or [], run_id))
