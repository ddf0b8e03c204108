"""The console script. Each module beside this one registers its commands; errors of our family become one line here."""

from __future__ import annotations

import os
import sys

import typer
from dotenv import load_dotenv

from smart_logistics.cli import audit, demo, disposition, job, maintain, query, rejected, report, run, seed, stack
from smart_logistics.errors import LogisticsError

INTERRUPTED = 130

app = typer.Typer(
    name="logistics",
    help="A cold-chain lakehouse that Airflow runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for commands in (demo, stack, seed, run, job, maintain, audit, query, rejected, report, disposition):
    commands.register(app)


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the stack trace of a failure."),
) -> None:
    if debug:
        os.environ["LOGISTICS_DEBUG"] = "1"


def main() -> None:
    """Run the command line: 0 = done; else the error's exit code, with one line that says why and what to do."""
    load_dotenv(".env")
    try:
        app()
    except LogisticsError as error:
        if os.environ.get("LOGISTICS_DEBUG"):
            raise
        print(f"logistics: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("logistics: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
