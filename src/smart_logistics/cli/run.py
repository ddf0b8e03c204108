"""`logistics run`: one run of the pipeline through Airflow's API, watched until it ends."""

from __future__ import annotations

import typer

DAG_ID = "smart_logistics_pipeline"


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command("run")(run)


def run(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object on stdout and nothing else there."),
    timeout: float = typer.Option(3600.0, "--timeout", min=1.0, metavar="S", help="Wait at most so many seconds."),
) -> None:
    """Trigger the pipeline and wait for its end: exit 0 = success, 1 = failed, 3 = timed out."""
    import json

    from smart_logistics.cli.run_watch import run_pipeline

    outcome = run_pipeline(DAG_ID, timeout)
    if as_json:
        print(json.dumps(outcome.as_json()))
    raise typer.Exit(outcome.exit_code)
