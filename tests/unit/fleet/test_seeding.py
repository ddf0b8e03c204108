"""Seeding a real PostgreSQL and a landing folder."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smart_logistics.contracts.source import SOURCE_TABLES
from smart_logistics.errors import ConfigurationError, EnvironmentFault, LockHeld, SourceUnavailable
from smart_logistics.fleet import ledger
from smart_logistics.fleet.manifest import compare
from smart_logistics.fleet.plan import LAST_WAVE
from smart_logistics.fleet.seeding import Seeded, Wanted, seed
from tests.oracle import Source, TakenFile, Version, expect
from tests.postgres import PASSWORD, Server, free_port
from tests.unit.fleet.test_manifest import observed

NOW = datetime(2026, 3, 1, 12, 34, tzinfo=UTC)
SMALL = Wanted(seed=42, scale=1, days=3)


def plant(dsn: str, landing: Path, wanted: Wanted = SMALL, now: datetime = NOW) -> Seeded:
    return seed(dsn, landing, wanted, now=now)


def rows_of(dsn: str, table: str, order: str = "1") -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute("SET timezone = 'UTC'")
        return connection.execute(f"SELECT * FROM logistics.{table} ORDER BY {order}".encode()).fetchall()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_in_the_source_and_the_folder_gives_the_manifest(source: str, tmp_path: Path) -> None:
    landing, seen, versions, files = tmp_path / "landing", set(), [], []
    for wave in range(1, LAST_WAVE + 1):
        seeded = plant(source, landing, Wanted(wave=wave))
        at = NOW + timedelta(minutes=wave)
        for table in SOURCE_TABLES:
            for row in rows_of(source, table.name):
                version = (table.name, repr(row))
                if version not in seen:
                    seen.add(version)
                    versions.append(Version(table.name, row, at))
        files += [TakenFile(name, data, at) for name, data in contents(landing).items()]
        for path in landing.iterdir():
            path.unlink()
        found = expect(Source(versions, (), files), every_batch_was_judged=True)
        assert compare(seeded.manifest, observed(found)) == []
        assert seeded.manifest["source_rows"] == {t.name: len(rows_of(source, t.name)) for t in SOURCE_TABLES}


def test_the_same_seed_and_anchor_give_the_same_rows_and_bytes(server: Server, tmp_path: Path) -> None:
    both = []
    for name in ("one", "other"):
        dsn = server.new_database(name)
        plant(dsn, tmp_path / name)
        rows = {t.name: rows_of(dsn, t.name) for t in SOURCE_TABLES}
        without = {n: [{**row, "updated_at": None} for row in found] for n, found in rows.items()}
        both.append(
            (without, contents(tmp_path / name), {p.name: p.stat().st_mtime for p in (tmp_path / name).iterdir()})
        )
    assert both[0] == both[1]


def test_another_seed_gives_other_data(server: Server, tmp_path: Path) -> None:
    plates = []
    for number in (1, 2):
        dsn = server.new_database(f"seed_{number}")
        plant(dsn, tmp_path / str(number), Wanted(seed=number, days=3))
        plates.append({row["license_plate"].strip().upper() for row in rows_of(dsn, "vehicles")})
    assert [len(found) for found in plates] == [50, 50]
    assert not plates[0] & plates[1]


def test_the_volumes_are_those_of_the_contract(source: str, tmp_path: Path) -> None:
    seeded = plant(source, tmp_path, Wanted())
    counts = seeded.manifest["source_rows"]
    events = counts.pop("shipment_status_events")
    assert counts == {
        "customers": 50, "orders": 150, "shipments": 100, "vehicles": 50, "drivers": 30, "warehouses": 20,
        "shipment_types": 6, "truck_assignments": 120,
    }  # fmt: skip
    assert events > 400
    assert seeded.manifest["silver_readings"] >= 1200
    with psycopg.connect(source) as connection:
        changed = connection.execute(
            "SELECT count(*) FROM (SELECT shipment_id FROM logistics.truck_assignments WHERE status = 'COMPLETED'"
            " AND assignment_end_time > assignment_start_time AND vehicle_id <= 50 GROUP BY 1 HAVING count(*) = 2) x"
        ).fetchone()
    assert changed == (10,)


def test_a_new_status_writes_an_event_and_sets_updated_at(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path)
    before = rows_of(source, "shipment_status_events")
    with psycopg.connect(source) as connection:
        connection.execute(
            "UPDATE logistics.shipments SET status = 'Returned', updated_at = '2000-01-01'"
            " WHERE shipment_id = 'SHP-0001-000007'"
        )
        (moment,) = connection.execute("SELECT now()").fetchone() or ()
    (event,) = rows_of(source, "shipment_status_events")[len(before) :]
    assert event["event_id"] > before[-1]["event_id"]
    assert (event["shipment_id"], event["status"], event["changed_at"]) == ("SHP-0001-000007", "Returned", moment)
    assert rows_of(source, "shipments")[6]["updated_at"] == moment


def test_a_change_of_another_column_writes_no_event(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path)
    before = len(rows_of(source, "shipment_status_events"))
    with psycopg.connect(source) as connection:
        connection.execute("UPDATE logistics.shipments SET destination_city = 'Pune', status = status")
    assert len(rows_of(source, "shipment_status_events")) == before


def test_orphans_are_allowed_in_the_source(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path)
    with psycopg.connect(source) as connection:
        found = connection.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").fetchone()
    assert found == (0,)


def test_files_are_settled_and_nothing_temporary_stays(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path)
    youngest = max(path.stat().st_mtime for path in tmp_path.iterdir())
    assert youngest < NOW.timestamp() <= time.time()
    assert all(path.name.startswith("iot_telemetry_") for path in tmp_path.iterdir())


def test_seeding_again_changes_nothing(source: str, tmp_path: Path) -> None:
    first = plant(source, tmp_path)
    rows, files = {t.name: rows_of(source, t.name) for t in SOURCE_TABLES}, contents(tmp_path)
    again = plant(source, tmp_path, Wanted(), NOW + timedelta(days=2))
    assert (again.rows, again.files, again.manifest) == (0, 0, first.manifest)
    assert {t.name: rows_of(source, t.name) for t in SOURCE_TABLES} == rows
    assert contents(tmp_path) == files


def test_a_repeated_wave_1_keeps_the_manifest_of_wave_2(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path)
    second = plant(source, tmp_path, Wanted(wave=2))
    assert plant(source, tmp_path).manifest == second.manifest


@pytest.mark.parametrize("option", [{"seed": 43}, {"scale": 2}, {"days": 4}, {"seed": 1, "wave": 2}])
def test_another_fleet_in_the_same_source_is_refused(source: str, tmp_path: Path, option: dict[str, int]) -> None:
    plant(source, tmp_path)
    with pytest.raises(ConfigurationError, match="holds the sample fleet of --seed 42"):
        plant(source, tmp_path, Wanted(**option))


@pytest.mark.parametrize("wave", [0, 2, 3, 4])
def test_a_wave_out_of_order_is_refused_and_leaves_nothing(source: str, tmp_path: Path, wave: int) -> None:
    with pytest.raises(ConfigurationError):
        plant(source, tmp_path / "landing", Wanted(wave=wave))
    assert not (tmp_path / "landing").exists()
    with psycopg.connect(source) as connection:
        assert connection.execute("SELECT to_regnamespace('logistics')").fetchone() == (None,)


def test_tables_of_somebody_else_are_left_alone(source: str, tmp_path: Path) -> None:
    with psycopg.connect(source) as connection:
        connection.execute("CREATE SCHEMA logistics; CREATE TABLE logistics.orders (order_id text)")
    with pytest.raises(ConfigurationError, match=r"did not make: orders"):
        plant(source, tmp_path)


def test_a_dropped_schema_can_be_seeded_anew(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path / "1")
    with psycopg.connect(source) as connection:
        connection.execute("DROP SCHEMA logistics CASCADE")
    assert plant(source, tmp_path / "2", Wanted(seed=7, days=3)).rows > 0


def test_files_that_were_not_delivered_come_with_the_next_call(source: str, tmp_path: Path) -> None:
    landing, archive = tmp_path / "landing", tmp_path / "archive" / "2026"
    plant(source, landing)
    whole = contents(landing)
    # As after a crash between the commit and the renames; one file was taken meanwhile.
    with psycopg.connect(source) as connection:
        connection.execute("UPDATE logistics_sample.waves SET files_delivered = false")
    archive.mkdir(parents=True)
    taken, *lost = sorted(whole)[:9]
    (landing / taken).rename(archive / taken)
    for name in lost:
        (landing / name).unlink()
    again = plant(source, landing)
    assert (again.rows, again.files) == (0, len(lost))
    assert contents(landing) | contents(archive) == whole
    assert not (landing / taken).exists()
    assert plant(source, landing).files == 0


def test_a_new_landing_folder_gets_the_files_of_all_waves(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path / "old")
    plant(source, tmp_path / "old", Wanted(wave=2))
    seeded = seed(source, tmp_path / "new", Wanted(), now=NOW, deliver_again=True)
    assert seeded.rows == 0
    assert contents(tmp_path / "new") == contents(tmp_path / "old")


def test_a_landing_folder_that_cannot_be_made_leaves_the_source_empty(source: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        plant(source, tmp_path / "file" / "landing")
    with psycopg.connect(source) as connection:
        assert connection.execute("SELECT to_regnamespace('logistics')").fetchone() == (None,)


def test_a_file_that_cannot_be_written_leaves_nothing(source: str, tmp_path: Path) -> None:
    plant(source, tmp_path / "ahead")  # shows the names; they are always the same
    blocked = sorted(path.name for path in (tmp_path / "ahead").iterdir())[9]
    with psycopg.connect(source) as connection:
        connection.execute("DROP SCHEMA logistics CASCADE")
    landing = tmp_path / "landing"
    (landing / f".{blocked}.tmp").mkdir(parents=True)
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        plant(source, landing)
    assert [path.name for path in landing.iterdir()] == [f".{blocked}.tmp"]
    with psycopg.connect(source) as connection:
        assert connection.execute("SELECT to_regnamespace('logistics')").fetchone() == (None,)


def test_two_seeds_at_once_are_one_too_many(source: str, tmp_path: Path) -> None:
    with psycopg.connect(source) as connection:
        ledger.lock(connection)
        with pytest.raises(LockHeld):
            plant(source, tmp_path)


def test_a_seed_waits_for_the_session_of_one_that_has_just_ended(source: str, tmp_path: Path) -> None:
    with psycopg.connect(source) as connection:
        ledger.lock(connection)
        ending = threading.Timer(1.0, connection.close)
        ending.start()
        assert plant(source, tmp_path).rows > 0
        ending.join()


def test_a_user_without_the_right_to_create_is_told_so(server: Server, source: str, tmp_path: Path) -> None:
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'".encode())
    guest = server.dsn(source.rsplit("/", 1)[1], "guest")
    with pytest.raises(EnvironmentFault, match="grants too little"):
        plant(guest, tmp_path)


@pytest.mark.parametrize(
    ("dsn", "error"),
    [
        ("postgresql://office:{secret}@127.0.0.1:{closed}/postgres", SourceUnavailable),
        ("postgresql://office:{secret}@127.0.0.1:{port}/postgres", SourceUnavailable),
        ("postgresql://office:{secret}@127.0.0.1:{port}/nowhere?nonsense=1", ConfigurationError),
        ("office:{secret}", ConfigurationError),
    ],
    ids=["nobody listens", "wrong password", "unknown parameter", "no DSN"],
)
def test_a_source_that_cannot_be_used_is_one_line_without_the_password(
    server: Server, tmp_path: Path, dsn: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        plant(dsn.format(secret="wr0ng-pass", closed=free_port(), port=server.port), tmp_path / "landing")
    assert "\n" not in str(raised.value)
    assert "wr0ng-pass" not in str(raised.value)
    assert not (tmp_path / "landing").exists()
