"""What jobs do, once and on next to nothing: the classes that the JVM loads meanwhile are those of their drivers.

Submitted by ``stack.class_archive`` with a JVM that archives them at its end. Works in a folder of its own, which it
removes; a rehearsal that is stopped anywhere leaves nothing that counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from smart_logistics import settings
from smart_logistics.bronze.versions import with_lineage
from smart_logistics.contracts.bronze import EXTRACTED
from smart_logistics.contracts.source import VEHICLES
from smart_logistics.jobs import (
    bronze_ingest_iot,
    catalog,
    data_quality_check,
    gold_aggregate,
    silver_iot,
    silver_transactional,
)
from smart_logistics.jobs.runner import Body, Context
from smart_logistics.lake.session import open_session
from smart_logistics.lake.store import Lake

# All of the pipeline but the extraction, which asks a database.
_JOBS: tuple[tuple[catalog.Job, Body], ...] = (
    (catalog.BRONZE_INGEST_IOT, bronze_ingest_iot.run),
    (catalog.SILVER_TRANSACTIONAL, silver_transactional.run),
    (catalog.SILVER_IOT, silver_iot.run),
    (catalog.GOLD_AGGREGATE, gold_aggregate.run),
    (catalog.DATA_QUALITY_CHECK, data_quality_check.run),
)
_MERGE = """
    MERGE INTO delta.`{path}` AS had USING news ON had.id = news.id AND had.day IN (0, 1)
    WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
"""


def rehearse(spark: SparkSession, folder: Path) -> None:
    """Run the jobs on two trucks and some readings below ``folder``; let Spark itself commit: rows, a MERGE."""
    landing, lakehouse, now = folder / "landing", str(folder / "lakehouse"), datetime.now(UTC)
    landing.mkdir()
    (landing / f"iot_telemetry_{now:%Y%m%d_%H%M%S}_1.json").write_text(_readings(now), encoding="utf-8")
    trucks = Lake(spark, lakehouse, catalog.BRONZE_INGEST_SQL.name)
    trucks.append(EXTRACTED[VEHICLES.name], with_lineage(_trucks(spark, now), now, "rehearsal"), trucks.new_stamp())
    for job, body in _JOBS:
        values = {name: _least(name) for name in job.settings}
        lake = Lake(spark, lakehouse, job.name)
        with lake.alone():
            body(Context(lake, "rehearsal", str(landing), values))
    _commit(spark, folder / "rows")


def _least(name: str) -> int:
    setting = settings.BY_NAME[name]
    return 0 if name == "SETTLE_SECONDS" else int(setting.parse(setting.default or ""))


def _trucks(spark: SparkSession, now: datetime) -> DataFrame:
    schema = ", ".join(f"{column.name} {column.type}" for column in VEHICLES.columns)
    row = dict.fromkeys(VEHICLES.column_names)
    rows = [{**row, "vehicle_id": n, "license_plate": f"R-{n}", "updated_at": now} for n in range(2)]
    return spark.createDataFrame(rows, schema)


def _readings(now: datetime) -> str:
    place = {"latitude": 52.5, "longitude": 13.4}
    rows = [
        {"truck_id": f"R-{n % 2}", "timestamp": f"{now - timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}", "temperature": 4.0}
        for n in range(6)
    ]
    return "".join(json.dumps({**row, **place}) + "\n" for row in rows) + "{broken\n"


def _commit(spark: SparkSession, place: Path) -> None:
    rows = spark.range(100).withColumns({"day": F.col("id") % 2, "name": F.col("id").cast("string")})
    rows.write.format("delta").partitionBy("day").save(str(place))
    rows.filter("id < 10").union(rows.withColumn("id", F.col("id") + 1000)).createOrReplaceTempView("news")
    spark.sql(_MERGE.format(path=place)).collect()


def main() -> None:
    """Rehearse in a folder for temporary files."""
    spark = open_session("rehearsal")
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        rehearse(spark, Path(folder))
    spark.stop()


if __name__ == "__main__":
    main()
