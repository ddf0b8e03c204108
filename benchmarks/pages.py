"""How long the pages take with 100,000 shipments and a year of hourly runs, against an empty page of the same server.

Airflow's own API server, Debian's Chromium, real Delta tables. What is measured is the time from the request to the
first content that the browser paints, page by page in turn, and the median is compared: as a ratio it does not depend
on the machine. ``make bench-pages``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from tests.unit.pages import browser as chromium
from tests.unit.pages.airflow_server import Server, serving

from benchmarks.pages_lake import fill_decisions, fill_figures, fill_runs, fill_shipments

RESULTS = Path(__file__).with_name("results-pages.json")
EMPTY = "empty"
# Ratio to the empty page that a page may take at most: where that one takes 50 ms, three quarters of a second.
BUDGET = 15.0
PATHS = {
    EMPTY: "/logistics/run?dag=none",
    "list": "/logistics/shipments",
    "list, filtered": "/logistics/shipments?severity=Critical&origin=Mumbai&truck=KA&since={since}",
    "list, last page": "/logistics/shipments?sort=shipment&page=999999",
    "list, open": "/logistics/shipments?decision=open",
    "one shipment": "/logistics/shipments/S0050000",
    "health": "/logistics/health",
    "one run": "/logistics/run?dag=smart_logistics_pipeline&run={run}",
    "fleet": "/logistics/fleet",
    "fleet, a year": "/logistics/fleet?since=2020-01-01",
}
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"


def measure(server: Server, rounds: int, asked: Mapping[str, str]) -> dict[str, list[float]]:
    """Return for each page the milliseconds to its first content; the first round, which warms up, is left out."""
    token = server.token("vera")
    found: dict[str, list[float]] = defaultdict(list)
    with chromium.browser() as browser:
        for number in range(rounds + 1):
            for name, path in PATHS.items():
                page = chromium.opened(browser, server.base, token, complaints=[])
                page.goto(path.format(**asked), wait_until="load")
                if number:
                    found[name].append(float(page.evaluate(_PAINT)))
                page.context.close()
    return found


def report(found: dict[str, list[float]]) -> dict[str, Any]:
    """Return the medians and their ratios to the empty page, and print them as a table."""
    base = median(found[EMPTY])
    rows = {
        name: {"ms": round(median(times)), "ratio": round(median(times) / base, 2)} for name, times in found.items()
    }
    print("| page | first content, ms | ratio to an empty page |\n| --- | --- | --- |")
    for name, row in rows.items():
        print(f"| {name} | {row['ms']} | {row['ratio']} |")
    return rows


def main() -> int:
    """Measure and return 1 where a page takes more than its budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shipments", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365, help="of hourly runs")
    parser.add_argument("--rounds", type=int, default=7)
    words = parser.parse_args()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "landing").mkdir(parents=True)
        fill_shipments(str(home / "lakehouse"), words.shipments, now)
        fill_decisions(str(home / "lakehouse"), words.shipments // 20, now)
        fill_figures(str(home / "lakehouse"), 50, words.days, now)
        fill_runs(str(home / "lakehouse"), words.days, now)
        asked = {
            "since": (now - timedelta(days=30)).date().isoformat(),
            "run": quote((now - timedelta(hours=9)).isoformat()),
        }
        with serving(Path(folder)) as server:
            found = measure(server, words.rounds, asked)
    rows = report(found)
    given = {"shipments": words.shipments, "days_of_runs": words.days, "rounds": words.rounds, "budget": BUDGET}
    RESULTS.write_text(json.dumps(given | {"pages": rows}, indent=1) + "\n", encoding="utf-8")
    late = [name for name, row in rows.items() if row["ratio"] > BUDGET]
    print(f"over budget: {', '.join(late)}" if late else "all within their budgets")
    return 1 if late else 0


if __name__ == "__main__":
    raise SystemExit(main())
