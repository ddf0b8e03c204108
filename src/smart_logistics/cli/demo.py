"""`logistics demo`: the whole thing once, from nothing to Gold on the screen."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command()(demo)


def demo(
    timeout: float = typer.Option(3600.0, "--timeout", min=1.0, metavar="S", help="Wait for the run at most so long."),
) -> None:
    """Start the stack, seed the sample fleet, run the pipeline, show Gold.

    Exit 0 only if the run succeeded and Gold holds what was planted. What is there already stays: run it
    as often as you like.
    """
    from smart_logistics import settings as settings_module
    from smart_logistics.cli import run, run_watch, seed, stack, summary
    from smart_logistics.fleet.manifest import compare
    from smart_logistics.fleet.seeding import Wanted

    settings = settings_module.load()
    stack.up()
    seeded = seed.plant(settings, Wanted())
    print(seed.summary(seeded, wave=1))
    outcome = run_watch.run_pipeline(run.DAG_ID, timeout)
    console = summary.console()
    if outcome.exit_code == run_watch.SUCCEEDED:
        summary.show(settings.lakehouse, str(outcome.run["dag_run_id"]), console)
    summary.show_places(settings, console)
    if outcome.exit_code != run_watch.SUCCEEDED:
        console.print(f"[red]The run ended {outcome.state}[/]: its tasks' logs are on Airflow's page.")
        raise typer.Exit(outcome.exit_code)
    differences = compare(seeded.manifest, summary.observe(settings.lakehouse))
    summary.show_comparison(differences, console)
    raise typer.Exit(1 if differences else 0)
