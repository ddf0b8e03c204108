"""What the blocks tell: planted excursions, plates, memory, comparison."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smart_logistics.errors import ConfigurationError
from smart_logistics.fleet import manifest as manifests
from smart_logistics.fleet.geography import CITIES, distance_km
from smart_logistics.fleet.manifest import Observed, compare
from smart_logistics.fleet.masters import license_plate
from smart_logistics.fleet.paperwork import shipment_id
from smart_logistics.fleet.plan import LAST_WAVE, VEHICLES, Plan, anchor_of
from smart_logistics.fleet.waves import Story
from tests.unit.fleet.office import Office

ANCHOR = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = Plan(42, 1, 14, ANCHOR)


def test_each_planted_excursion_is_found_where_and_as_long_as_planted() -> None:
    office = Office(PLAN)
    office.tell(1)
    office.tell(2)
    found = {
        (row["shipment_id"], row["started_at"]): row for row in office.expect().tables["gold.temperature_excursions"]
    }
    story = Story(next(PLAN.blocks()))
    assert len(story.planted) > 25
    for planted in story.planted:
        row = found[shipment_id(story.block, planted.shipment), planted.started_at]
        assert row["truck_id"] == planted.truck_id
        assert row["minutes"] == pytest.approx(planted.minutes)
        assert row["peak_temperature"] == planted.peak_temperature
        assert row["peak_deviation"] == pytest.approx(planted.peak_deviation)
        assert row["peak_latitude"] is not None


def test_trucks_report_from_their_corridor_unless_a_fault_is_planted() -> None:
    story = Story(next(PLAN.blocks()))
    for trip in (trip for trip in story.plan.trips if trip.fault is None):
        plates = {license_plate(story.block, leg.truck) for leg in trip.legs}
        known = [CITIES[name].point for name in trip.route.cities]
        longest = max(trip.route.legs_km)
        for sample in story.samples:
            reading = sample.reading
            if reading.truck_id in plates and trip.depart <= reading.event_ts < trip.arrive and reading.latitude:
                away = min(distance_km((reading.latitude, reading.longitude or 0.0), city) for city in known)
                assert away <= longest / 2 + 1


def test_no_two_trucks_share_a_plate() -> None:
    plates = [license_plate(block, i) for block in Plan(42, 40, 14, ANCHOR).blocks() for i in range(1, VEHICLES + 1)]
    assert len(set(plates)) == len(plates) == 40 * VEHICLES
    assert all(re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z]{2}[0-9]{4}", plate) for plate in plates)


def test_no_wave_tells_of_the_future() -> None:
    for wave in range(1, LAST_WAVE + 1):
        chapter = Story(next(PLAN.blocks())).chapter(wave)
        told = [record.reading.event_ts for file in chapter.files for record in file.records if record.reading]
        told += [file.at for file in chapter.files]
        assert all(instant <= ANCHOR for instant in told)
        rows = [row for found in chapter.rows.values() for row in found]
        assert all(row[name] <= ANCHOR for row in rows for name in ("changed_at", "created_at") if name in row)


def test_a_reading_is_never_newer_than_its_file() -> None:
    for wave in (1, 2):
        for file in Story(next(PLAN.blocks())).chapter(wave).files:
            assert all(r.reading is None or r.reading.event_ts <= file.at for r in file.records), file.name


def test_wave_3_brings_rows_and_no_file() -> None:
    chapter = Story(next(PLAN.blocks())).chapter(3)
    assert chapter.files == []
    assert chapter.changes


def test_the_anchor_is_the_full_hour_in_utc() -> None:
    kolkata = datetime.fromisoformat("2026-03-01T12:10:00+05:30")
    assert anchor_of(kolkata) == datetime(2026, 3, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(("scale", "days"), [(0, 14), (10_000, 14), (1, 2), (1, 4000)])
def test_an_unusable_size_is_refused(scale: int, days: int) -> None:
    with pytest.raises(ConfigurationError, match="is not usable"):
        Plan(42, scale, days, ANCHOR)


def test_compare_names_every_number_that_differs_and_takes_a_missing_entry_for_0() -> None:
    told = manifests.expected(PLAN, 1)
    alike = Observed(**{name: told[name] for name in Observed.__dataclass_fields__})
    assert compare(told, alike) == []
    assert compare(told, replace(alike, shipments=99)) == ["shipments: 99, the manifest says 100"]
    missing = {name: n for name, n in alike.outliers.items() if name != "SPEED"}
    assert compare(told, replace(alike, outliers=missing)) == [
        f"outliers SPEED: 0, the manifest says {told['outliers']['SPEED']}"
    ]
    more = {**alike.rejections, "drivers.NULL_CRITICAL_FIELD": 3}
    assert compare(told, replace(alike, rejections=more)) == [
        "rejections drivers.NULL_CRITICAL_FIELD: 3, the manifest says 0"
    ]


def test_the_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "home" / manifests.FILE_NAME
    assert manifests.read(path) is None
    told = manifests.expected(Plan(1, 1, 3, ANCHOR + timedelta(hours=1)), 2)
    manifests.write(path, told)
    assert manifests.read(path) == told == json.loads(json.dumps(told))
    assert [found.name for found in path.parent.iterdir()] == [manifests.FILE_NAME]
