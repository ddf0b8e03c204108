"""Commands of `logistics`: up, down, status, doctor."""

from __future__ import annotations

import json
import time

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the console script."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)


def up() -> None:
    """Start PostgreSQL, Spark and Airflow in the background; return when all are healthy."""
    from rich.console import Console

    from smart_logistics import settings as settings_module
    from smart_logistics.stack import airflow, connections, lifecycle

    settings = settings_module.load()
    console = Console(stderr=True)
    began = time.monotonic()
    with console.status("starting …") as spinner:

        def say(text: str) -> None:
            spinner.update(text)
            console.print(f"[dim]{time.monotonic() - began:5.1f} s[/] {_plain(text)}", highlight=False)

        if settings["SMTP_HOST"] is None:
            say("no LOGISTICS_SMTP_HOST: alerts are only logged, nobody is mailed")
        plan = lifecycle.up(settings, say)
    address, _, _ = connections.airflow_api(settings)
    console.print(f"[green]up[/] after {time.monotonic() - began:.0f} s", highlight=False)
    own, *people = airflow.told(settings, plan.home)
    print(f"Airflow   {address}  {own}")
    for line in people:
        print(f"          {line}")
    for program in plan.programs():
        if program.url and program.name.startswith("spark-"):
            print(f"{program.name.replace('-', ' ').capitalize()}   {program.url}")
    print("stop with: logistics down")


def down() -> None:
    """Stop exactly what `up` started."""
    from rich.console import Console

    from smart_logistics import settings as settings_module
    from smart_logistics.stack import lifecycle

    console = Console(stderr=True)
    with console.status("stopping …") as spinner:

        def say(text: str) -> None:
            spinner.update(text)
            console.print(_plain(text), highlight=False)

        lifecycle.down(settings_module.load(), say)
    console.print("[green]down[/]")


def status(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Show each service with its state, process, port and page; exit 0 if all are healthy, else 1."""
    from smart_logistics import settings as settings_module
    from smart_logistics.stack.status import services

    settings = settings_module.load()
    found = services(settings)
    healthy = all(service.state == "healthy" for service in found)
    if as_json:
        told = {
            "home": str(settings.home),
            "healthy": healthy,
            "services": [service.as_json() for service in found],
        }
        print(json.dumps(told))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("service", "state", "pid", "port", "page", "detail", box=None, pad_edge=False)
        colours = {"healthy": "green", "starting": "yellow", "stopping": "yellow", "stopped": "dim"}
        for service in found:
            state = f"[{colours.get(service.state, 'red')}]{service.state}[/]"
            table.add_row(
                *(service.name, state, str(service.pid or ""), str(service.port or "")),
                *(service.url or "", _plain(service.detail)),
            )
        Console(soft_wrap=True).print(table, highlight=False)
    raise typer.Exit(0 if healthy else 1)


def doctor() -> None:
    """Check Java, ports, disk, connections, jars and permissions: a line each, a remedy on every failure."""
    from rich.console import Console

    from smart_logistics import settings as settings_module
    from smart_logistics.errors import EnvironmentFault
    from smart_logistics.stack.doctor import examine

    console = Console(soft_wrap=True)
    failed = False
    for finding in examine(settings_module.load()):
        failed |= not finding.good
        word = "[green]good[/]" if finding.good else "[red]bad [/]"
        remedy = f" → {finding.remedy}" if finding.remedy and not finding.good else ""
        console.print(f"{word} {finding.subject}: {_plain(finding.text + remedy)}", highlight=False)
    raise typer.Exit(EnvironmentFault.exit_code if failed else 0)


def _plain(text: str) -> str:
    """Return ``text`` so that no bracket in it is taken for markup."""
    from rich.markup import escape

    return escape(text)
