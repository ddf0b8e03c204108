"""Measure the figures beside their baselines, print one table, write ``results.json``: ``make bench [ONLY=P1,P2]``.

Each benchmark is a process of its own, one after the other. Exit code 0 = all that was asked for was measured, whether
the goals are reached or not; 1 = something could not be measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

from benchmarks import figures, registry
from benchmarks.figures import Figure, Result
from benchmarks.registry import Benchmark

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results.json")
_LAST_LINES = 15


def main() -> int:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="ids of figures, as in P1,P2 (default: all)")
    parser.add_argument("--rounds", help="measured rounds of each (default: its own)")
    parser.add_argument("--small", action="store_true", help="a scale that only shows that all of it works")
    parser.add_argument("--readings", help="readings of a day (P3, P4)")
    parser.add_argument("--days", help="days of history (P2, P4)")
    parser.add_argument("--files", help="small files that come (P5)")
    parser.add_argument("--memory", help="of each driver, as in 2g (P3, P4)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the results file")
    arguments = parser.parse_args()
    try:
        wanted = registry.chosen([name.strip() for name in arguments.only.split(",") if name.strip()])
    except ValueError as error:
        parser.error(str(error))
    rows: list[Result] = []
    for benchmark, asked in wanted:
        print(f"{benchmark.module}: {', '.join(one.id for one in asked)}", file=sys.stderr, flush=True)
        rows += _measured(benchmark, asked, _words(benchmark, arguments))
        figures.keep(arguments.out, rows)  # after each: an interruption loses only what was under way
    rows.sort(key=lambda row: row.figure.id)
    print(figures.table(rows))
    return 1 if any(row.error for row in rows) else 0


def _words(benchmark: Benchmark, arguments: argparse.Namespace) -> list[str]:
    words = ["--rounds", arguments.rounds] if arguments.rounds else []
    words += ["--small"] if arguments.small else []
    given = [(name, getattr(arguments, name)) for name in benchmark.options if getattr(arguments, name)]
    return [*words, *(word for name, value in given for word in (f"--{name}", value))]


def _measured(benchmark: Benchmark, asked: tuple[Figure, ...], words: list[str]) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out = Path(folder) / "measured.json"
        python = str(REPOSITORY / benchmark.environment / "bin" / "python")
        command = [python, "-m", benchmark.module, "--out", str(out), *words]
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr is not None  # noqa: S101 - it was asked for
            for line in process.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                last.append(line)
        error = f"{benchmark.module} ended with {process.returncode}: {''.join(last)}" if process.returncode else ""
        return figures.results(asked, [] if error else figures.load(out), error)


if __name__ == "__main__":
    sys.exit(main())
