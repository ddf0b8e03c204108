"""`logistics run`: one run of the pipeline through Airflow's API, watched until it ends."""

from __future__ import annotations

import typer

DAG_ID = "smart_logistics_pipeline"


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command("run")(run)


def run(
    refresh: str = typer.Option(
        "", "--refresh", metavar="LAYER", help="Make it again from the layer below: silver, gold, or 'silver and gold'."
    ),
    from_day: str = typer.Option(
        "", "--from-day", metavar="YYYY-MM-DD", help="Of the layer, only from this UTC day on."
    ),
    to_day: str = typer.Option("", "--to-day", metavar="YYYY-MM-DD", help="And only until this one, included."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what each task would write, and write nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object on stdout and nothing else there."),
    timeout: float = typer.Option(3600.0, "--timeout", min=1.0, metavar="S", help="Wait at most so many seconds."),
) -> None:
    """Trigger the pipeline and wait for its end: exit 0 = success, 1 = failed, 3 = timed out."""
    import json

    from smart_logistics.cli.run_watch import run_pipeline
    from smart_logistics.jobs.request import DRY_RUN, FROM_DAY, REFRESH, TO_DAY, Request

    given = {REFRESH: refresh, FROM_DAY: from_day, TO_DAY: to_day, DRY_RUN: dry_run}
    Request.of(given)
    outcome = run_pipeline(DAG_ID, timeout, {name: value for name, value in given.items() if value})
    if as_json:
        print(json.dumps(outcome.as_json()))
    raise typer.Exit(outcome.exit_code)
