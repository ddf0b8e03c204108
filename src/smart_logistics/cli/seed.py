"""`logistics seed`: the sample fleet, into the source database and the landing folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from smart_logistics.fleet.seeding import Seeded, Wanted
    from smart_logistics.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the console script."""
    app.command()(seed)


def seed(
    seed: int | None = typer.Option(None, "--seed", help="The same seed gives the same data.  [default: 42]"),
    scale: int | None = typer.Option(None, "--scale", help="How many times the sample fleet.  [default: 1]"),
    days: int | None = typer.Option(None, "--days", help="Days of history.  [default: 14]"),
    wave: int = typer.Option(1, "--wave", help="2: the next hour of the same fleet; 3: an hour without files."),
) -> None:
    """Fill the source with the sample fleet; what is there already stays as it is.

    A wave continues the fleet that the source holds; run the pipeline between the waves.
    """
    from smart_logistics import settings
    from smart_logistics.fleet.seeding import Wanted

    configured = settings.load()
    print(summary(plant(configured, Wanted(seed, scale, days, wave)), wave))
    print(f"  landing folder: {configured.landing}")


def plant(configured: Settings, wanted: Wanted) -> Seeded:
    """Seed with progress on stderr, and keep the manifest in the home. The demo calls this too."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.progress import Progress

    from smart_logistics.fleet import manifest, seeding
    from smart_logistics.stack.connections import source_dsn

    dsn, kept = source_dsn(configured), configured.home / manifest.FILE_NAME
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"Sample fleet, wave {wanted.wave}", total=None)
        seeded = seeding.seed(
            dsn,
            configured.landing,
            wanted,
            now=datetime.now(UTC),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            # A home without a manifest is new: its landing folder has nothing of what the source holds.
            deliver_again=not kept.exists(),
        )
    manifest.write(kept, seeded.manifest)
    return seeded


def summary(seeded: Seeded, wave: int) -> str:
    """Return what was written, in a few lines."""
    plan, told = seeded.plan, seeded.manifest
    fleet = f"--seed {plan.seed} --scale {plan.scale} --days {plan.days}, made at {plan.anchor:%Y-%m-%d %H:%M} UTC"
    if not seeded.rows and not seeded.files:
        return f"Nothing to do: the source holds the sample fleet of {fleet}, up to wave {told['wave']}."
    alerts = ", ".join(f"{count} {severity}" for severity, count in told["alerts"].items() if severity != "None")
    what = f"wave {wave} written" if seeded.rows else "its files delivered, its rows were there"
    return "\n".join(
        [
            f"Sample fleet of {fleet}: {what}.",
            f"  {seeded.rows} rows and {seeded.files} files; in all {told['shipments']} shipments, "
            f"{told['silver_readings']} readings",
            f"  planted: {alerts} alerts, {sum(told['outliers'].values())} outliers, {told['duplicates']} duplicates, "
            f"{sum(told['rejections'].values()) - told['duplicates']} other rejections",
        ]
    )
