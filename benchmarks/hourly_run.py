"""P1, P6, P8: an hourly run through Airflow on a warm stack, beside one stock spark-submit on the same cluster.

The stack is a fresh one with the sample fleet in it, started a second time when its class-data archive is there. In
each round 3,000 readings of 50 trucks come in 60 files, and 50 shipments change; then the pipeline is triggered through
Airflow's API, and the time counts from the request to the run's end. The other side is one ``spark-submit --packages``
of a script that writes a Delta table of 100 rows and reads it, with nothing set but what Delta's introduction asks for
and what the cluster needs to let it in; its resolver's cache is warm. Memory and drivers are sampled in both.

The hour runs both ways, which the Variable ``logistics_spark_session`` chooses between: on the warm session, as is the
default, and with a driver for each job (``P1.classic``, …). The session's server is there all the time, and its memory
counts in both.

P6 is the peak of all processes of the stack together; beside it stands the peak while the stock submit runs. P8 is the
time of the same runs in which no driver's JVM or Python of a job is alive; the session's own are none of a job.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks import figures, rounds
from benchmarks.figures import Measured
from benchmarks.stack import Run, Stack, of_its_own, quiet, run_pipeline
from benchmarks.watch import watching
from smart_logistics import parsing, settings
from smart_logistics.jobs import catalog, submit
from smart_logistics.lake.spark_conf import COORDINATES
from smart_logistics.stack import java, ports
from smart_logistics.stack.ports import LOOPBACK, Ports
from smart_logistics.stack.spark import master_url, spark_python

TRUCKS, FILES, SHIPMENTS = 50, 60, 50
READINGS = TRUCKS * FILES
_SCRIPTS = frozenset(job.script for job in catalog.PIPELINE.values())
_STOCK = Path(__file__).with_name("stock_submit.py")
# Older than any settle time, as most files are when an hour is over.
_LANDED_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class Cost:
    """Of one round: seconds, the peak of memory in bytes, and the seconds in which no driver was alive."""

    seconds: float
    peak_bytes: int
    without_driver: float = 0.0


class Hour:
    """What comes in an hour, again and again: each time later readings of the same trucks, and other statuses."""

    def __init__(self, stack: Stack, *, files: int = FILES, shipments: int = SHIPMENTS) -> None:
        self._stack, self._files, self._shipments = stack, files, shipments
        self._read_until = datetime.now(UTC) - timedelta(hours=1)
        self._brought = 0
        with psycopg.connect(stack.source_dsn()) as connection:
            plates = connection.execute("SELECT license_plate FROM logistics.vehicles ORDER BY vehicle_id").fetchall()
        self._plates = [str(plate) for (plate,) in plates[:TRUCKS]]

    def bring(self) -> None:
        """Land the files and change the shipments."""
        self._brought += 1
        now = datetime.now(UTC)
        step = (now - self._read_until) / self._files
        for number in range(self._files):
            self._land(number, self._read_until + (number + 1) * step, now)
        self._read_until = now
        status = ("Out for Delivery", "In Transit")[self._brought % 2]
        chosen = "SELECT shipment_id FROM logistics.shipments WHERE status <> %s ORDER BY shipment_id LIMIT %s"
        with psycopg.connect(self._stack.source_dsn()) as connection:
            changed = connection.execute(
                f"UPDATE logistics.shipments SET status = %s WHERE shipment_id IN ({chosen})",
                (status, status, self._shipments),
            ).rowcount
        if changed != self._shipments:
            raise RuntimeError(f"only {changed} shipments could be changed")

    def _land(self, number: int, at: datetime, now: datetime) -> None:
        records = [
            {
                "truck_id": plate,
                "timestamp": (at + timedelta(milliseconds=n)).isoformat(),
                "temperature": 5.0,
                "latitude": 18.52,
                "longitude": 73.85,
            }
            for n, plate in enumerate(self._plates)
        ]
        landing = self._stack.home.landing
        arriving = landing / f".{number}.tmp"
        arriving.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        old = (now - _LANDED_BEFORE).timestamp()
        os.utime(arriving, (old, old))
        arriving.rename(landing / f"iot_telemetry_{now:%Y%m%d_%H%M%S}_bench{number:02}.json")


def check(run: Run) -> None:
    """See that a run did an hour's work.

    Raises:
        RuntimeError: it did not: its time says nothing.
    """
    found = {name: run.counts[name].get("rows", 0) for name in catalog.PIPELINE}
    enough = found["bronze_ingest_iot"] == READINGS == found["silver_iot"]
    # A row version and an event of each shipment, and its Gold row.
    enough &= found["bronze_ingest_sql"] >= 2 * SHIPMENTS and found["gold_aggregate"] >= SHIPMENTS
    if not enough:
        raise RuntimeError(f"the run {run.run_id} did not do an hour's work: {run.counts}")


def ours(stack: Stack, hour: Hour, way: str) -> Cost:
    """Run the pipeline over an hour's news, ``way`` being a value of the Variable that chooses it."""
    key = settings.BY_NAME["SPARK_SESSION"].airflow_variable
    with stack.api() as api:
        quiet(api)
        api.request("PATCH", f"/variables/{key}", json={"key": key, "value": way})
    with watching([stack.supervisor], _SCRIPTS) as seen:
        run = run_pipeline(stack, tuple(catalog.PIPELINE), hour.bring)
    check(run)
    return Cost(run.seconds, seen.peak_bytes, seen.drivers_missing(run.began, run.ended))


def stock(stack: Stack) -> Cost:
    """Submit the trivial script as its introduction says."""
    with stack.api() as api:
        quiet(api)
    home = stack.home
    command = [
        submit.SPARK_SUBMIT,
        *("--master", master_url(stack.settings, Ports(ports.kept(home)))),
        *("--packages", COORDINATES[0]),
        *("--conf", "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension"),
        *("--conf", "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"),
        *("--properties-file", str(_admission(stack)), str(_STOCK), str(stack.root / "stock-table")),
    ]
    environment = stack.environment | {
        "SPARK_HOME": str(submit.spark_home()),
        "JAVA_HOME": str(java.find(stack.settings, home, stack.environment).home),
        "PYSPARK_PYTHON": str(spark_python()),
        "SPARK_LOCAL_IP": LOOPBACK,
        # The resolver's own cache below: what the user's ~/.m2 holds must not decide.
        "SPARK_SUBMIT_OPTS": f"-Duser.home={stack.root / 'stock-user'}",
    }
    log, began = stack.root / "stock.log", time.monotonic()
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, cwd=stack.root, stdout=output, stderr=output) as driver,
        watching([stack.supervisor, driver.pid], {str(_STOCK)}) as seen,
    ):
        code = driver.wait()
        seconds = time.monotonic() - began
    if code:
        raise RuntimeError(f"the stock submit ended with {code}:\n{log.read_text(errors='replace')[-4000:]}")
    return Cost(seconds, seen.peak_bytes)


def _admission(stack: Stack) -> Path:
    """Write what the cluster asks of whoever submits, and where the resolver keeps what it has; nothing else."""
    lines = stack.home.spark_properties.read_text(encoding="utf-8").splitlines()
    file = stack.root / "stock.properties"
    file.touch(mode=0o600)
    kept = [line for line in lines if line.startswith("spark.authenticate")]
    file.write_text("\n".join([*kept, f"spark.jars.ivy {stack.root / 'stock-ivy'}", ""]), encoding="utf-8")
    return file


def main() -> None:
    """Measure."""
    wanted = rounds.options(__doc__, rounds=5).parse_args()
    with of_its_own() as stack:
        stack.start_with_archive()
        with stack.api() as api:
            quiet(api)  # the hourly run would take what is seeded, and the first run wait for more
        stack.must("seed")
        rounds.say("first run, of the sample fleet", stack.must("run"))
        hour = Hour(stack)
        sides = {
            "the hourly run": lambda _: ours(stack, hour, parsing.WARM),
            "the stock submit": lambda _: stock(stack),
            "the hourly run with a driver for each job": lambda _: ours(stack, hour, parsing.CLASSIC),
        }
        found = rounds.measured(sides, wanted)
    session, other, drivers = found.values()
    figures.dump([*compared("", session, other), *compared(".classic", drivers, other)], wanted.out)


def compared(which: str, mine: list[Cost], other: list[Cost]) -> list[Measured]:
    """Return the figures of one way, whose ids end with ``which``."""
    return [
        figures.ratio(f"P1{which}", [cost.seconds for cost in mine], [cost.seconds for cost in other]),
        figures.absolute(
            f"P6{which}", [cost.peak_bytes / 1e9 for cost in mine], [cost.peak_bytes / 1e9 for cost in other]
        ),
        figures.ratio(f"P8{which}", [cost.without_driver for cost in mine], [cost.seconds for cost in mine]),
    ]


if __name__ == "__main__":
    main()
