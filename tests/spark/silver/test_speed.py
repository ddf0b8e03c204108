"""SPEED flags do not depend on the order in which readings arrive, nor on what lies further away than six hours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from smart_logistics.contracts.bronze import IOT_TELEMETRY
from smart_logistics.jobs import silver_iot
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import tables
from smart_logistics.lake.store import Lake

START = datetime(2026, 3, 1, tzinfo=UTC)
Place = tuple[timedelta, float]


def arrive(lake: Lake, batch: int, places: list[Place]) -> None:
    """Bring readings of one truck at a latitude each, and let the job judge them."""
    stamp = tables.new_stamp(tables.all_progress(lake.root))
    at = datetime.fromtimestamp(stamp / 1_000_000, tz=UTC)
    rows = [
        {
            "truck_id": "KA01",
            "timestamp": (START + after).isoformat(),
            "event_ts": START + after,
            "temperature": 5.0,
            "latitude": latitude,
            "longitude": 0.0,
            "schema_error": None,
            "source_file": f"iot_telemetry_20260301_000000_{batch}.json",
            "position": number,
            "raw_payload": "{}",
            "_ingested_at": at,
            "_run_id": "r",
            "reading_date": (START + after).date(),
        }
        for number, (after, latitude) in enumerate(places, 1)
    ]
    tables.append_rows(lake.root, IOT_TELEMETRY, rows, app="bronze_ingest_iot", stamp=stamp)
    silver_iot.run(Context(lake, "r", "", {"MAX_CLOCK_SKEW_MINUTES": 10}))


def flags(lake: Lake) -> dict[timedelta, str | None]:
    rows = lake.read(silver_iot.TARGET).collect()
    return {row["event_ts"].astimezone(UTC) - START: row["outlier_reason"] for row in rows}


@pytest.fixture
def lake(lake: Lake) -> Lake:
    lake.job = "silver_iot"
    return lake


def test_a_reading_at_the_edge_of_what_is_loaded_keeps_the_flag_that_its_other_neighbour_gave_it(lake: Lake) -> None:
    edge = timedelta(hours=13) - timedelta(microseconds=1)
    arrive(lake, 1, [(edge, -2.7), (edge + timedelta(hours=6), 18.9)])
    assert flags(lake)[edge] == "SPEED"
    arrive(lake, 2, [(timedelta(hours=1), 0.5)])
    assert flags(lake)[edge] == "SPEED"


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_gives_the_flags_of_all_at_once(lake: Lake, seed: int, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(seed)  # noqa: S311 - chosen, not secret
    gaps = [timedelta(hours=h, microseconds=us) for h in (1, 5, 6, 7, 12) for us in (-1, 0, 1)]
    moment, places = timedelta(0), []
    for _ in range(24):
        moment += chance.choice(gaps)
        places.append((moment, chance.choice([0.0, 0.5, 5.0, 18.9])))
    whole = Lake(lake.spark, str(tmp_path_factory.mktemp("whole") / "lakehouse"), "silver_iot")
    arrive(whole, 0, places)
    wanted = flags(whole)
    assert "SPEED" in wanted.values()
    shuffled = chance.sample(places, len(places))
    for batch, start in enumerate(range(0, len(shuffled), 6), 1):
        arrive(lake, batch, shuffled[start : start + 6])
    assert flags(lake) == wanted
