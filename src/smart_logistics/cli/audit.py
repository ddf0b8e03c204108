"""`logistics audit`: every check over the whole history, printed for a person."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command("audit")(audit)


def audit() -> None:
    """Check all rows of all tables, and make Silver and Gold again to compare; 0, or 40 where something is wrong."""
    from datetime import UTC, datetime

    from smart_logistics import settings
    from smart_logistics.cli.jobs_run import run_job
    from smart_logistics.cli.summary import console, show_checks_of
    from smart_logistics.jobs.catalog import FULL_AUDIT
    from smart_logistics.lake.metrics import AUDIT

    run_id = f"{AUDIT}manual__{datetime.now(UTC).isoformat()}"
    code = run_job(FULL_AUDIT.name, [], run_id)
    show_checks_of(settings.load().lakehouse, run_id, console())
    raise typer.Exit(code)
