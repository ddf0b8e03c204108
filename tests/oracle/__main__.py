"""``python -m tests.oracle LAKEHOUSE ARCHIVE_PARENT``: audit a lakehouse; exit 1 where its sources say otherwise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.oracle import Rules, differences, expect
from tests.oracle.load import Lakehouse, SourceIncompleteError, misplaced, source_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute, compare, print; 0 = alike, 1 = different or not recomputable."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("lakehouse", type=Path, help="folder of the Delta tables")
    parser.add_argument("archive_parent", type=Path, help="folder that holds archive/ and failed/")
    parser.add_argument("--hold-minutes", type=float, default=60)
    parser.add_argument("--max-clock-skew-minutes", type=float, default=10)
    parser.add_argument("--every-batch-was-judged", action="store_true", help="Silver ran after each extraction")
    parser.add_argument("--limit", type=int, default=200, help="differences to print")
    options = parser.parse_args(arguments)
    lakehouse = Lakehouse(options.lakehouse)
    rules = Rules(timedelta(minutes=options.hold_minutes), timedelta(minutes=options.max_clock_skew_minutes))
    try:
        source = source_of(lakehouse, options.archive_parent)
    except SourceIncompleteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    expected = expect(source, rules, every_batch_was_judged=options.every_batch_was_judged)
    found = misplaced(lakehouse, options.archive_parent) + differences(expected, lakehouse.read)
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in sorted(expected.tables.items()))
    summary = f"{len(found)} differences; expected rows: {sizes}; dead letters {len(expected.dead_letters)}"
    sys.stdout.writelines(f"{line}\n" for line in [*found[: options.limit], summary])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
