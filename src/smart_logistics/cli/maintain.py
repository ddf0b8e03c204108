"""`logistics maintain`: compaction, clustering and vacuum of the lakehouse, without Airflow and without a JVM."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command()(maintain)


def maintain(
    names: list[str] = typer.Option(
        None, "--table", metavar="LAYER.NAME", help="Only this table; may be given more than once."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what there is to do, and do nothing."),
    retain_hours: int = typer.Option(
        None, "--retain-hours", metavar="H", help="Keep files of older versions so long; at least 168 without --force."
    ),
    force: bool = typer.Option(False, "--force", help="Allow less than 168 h: no reader and no writer may run."),
) -> None:
    """Join small files, sort them by what is looked up, delete what no table needs any more. Safe while runs go on."""
    from datetime import UTC, datetime

    from smart_logistics import settings
    from smart_logistics.lake.vacuum import require_retention
    from smart_logistics.ops import maintenance

    loaded = settings.load()
    hours = loaded["VACUUM_RETENTION_HOURS"] if retain_hours is None else retain_hours
    require_retention(hours, force=force)
    wanted = maintenance.chosen(names or [])

    def tell(work: maintenance.Work) -> None:
        print(f"{work.table.full_name:32} {work.line(planned=dry_run)}", flush=True)

    if dry_run:
        for work in maintenance.planned(loaded.lakehouse, wanted, retain_hours=hours):
            tell(work)
        return
    run_id = f"manual__{datetime.now(UTC).isoformat()}"
    counts = maintenance.maintain(loaded.lakehouse, wanted, run_id=run_id, retain_hours=hours, tell=tell)
    print(
        f"{counts['tables']} tables: {counts['compacted_files']} files joined, {counts['vacuumed_files']} deleted, "
        f"{counts['freed_bytes'] / 1024:,.0f} KiB freed; see ops.table_health"
    )
