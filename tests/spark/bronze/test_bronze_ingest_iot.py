"""bronze_ingest_iot on real Delta tables: each byte of each file exactly once, whatever comes between two steps."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.contracts.bronze import IOT_TELEMETRY, REJECTED_RECORDS
from smart_logistics.contracts.silver import IOT_TELEMETRY as SILVER
from smart_logistics.jobs import bronze_ingest_iot as job
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import file_log, tables
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant
from smart_logistics.sources import claim as claims
from smart_logistics.sources.claim import Batch
from smart_logistics.sources.content import digest
from tests.oracle.compare import compare_dead_letters, differences
from tests.oracle.expect import expect
from tests.oracle.hostile_data import hostile_waves
from tests.oracle.hostile_files import NAMES_LEFT
from tests.oracle.load import Lakehouse, misplaced, source_of

PREFIX = "iot_telemetry_20260301_000000_"
SOUND = {"truck_id": "MH12AB1234", "timestamp": "2026-03-01T00:00:00Z", "temperature": 5}


class Site:
    """A landing folder and the lakehouse beside it."""

    def __init__(self, spark: SparkSession, home: Path) -> None:
        self.home, self.landing = home, home / "landing"
        self.lake = Lake(spark, str(home / "lakehouse"), "bronze_ingest_iot")
        self.tables = Lakehouse(home / "lakehouse")
        self.landing.mkdir()

    def land(self, **files: bytes) -> None:
        for end, data in files.items():
            (self.landing / f"{PREFIX}{end}.json").write_bytes(data)

    def run(self, run_id: str = "r") -> dict[str, Any]:
        return dict(job.run(Context(self.lake, run_id, str(self.landing), {"SETTLE_SECONDS": 0})))

    def read(self, table: str) -> list[dict[str, Any]]:
        return self.tables.read(f"bronze.{table}")

    def check(self) -> None:
        """Recompute Bronze from the files in archive/ and failed/ and compare."""
        expected = expect(source_of(self.tables, self.home))
        wanted = ("bronze.iot_telemetry", "bronze.processed_files_log")
        assert differences(expected, self.tables.read, wanted) == []
        letters = [letter for letter in expected.dead_letters if letter.layer == "bronze"]
        assert compare_dead_letters(letters, self.read("rejected_records")) == []
        assert misplaced(self.tables, self.home) == []
        for row in self.read("processed_files_log"):
            assert Path(row["file_path"]).stat().st_size == row["file_size_bytes"]
        assert list((self.home / "processing").iterdir()) == []


@pytest.fixture(params=["parsed here", "parsed on executors"])
def site(spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Site:
    if request.param == "parsed on executors":
        monkeypatch.setattr(job, "_FEW_BYTES", -1)
    return Site(spark, tmp_path)


def line(**values: Any) -> bytes:
    return json.dumps(SOUND | values).encode() + b"\n"


def test_hostile_files_in_waves_become_what_the_oracle_makes_of_them(site: Site) -> None:
    counts = []
    for wave in hostile_waves(11, count=2, files=160):
        for name, data in wave.files:
            (site.landing / name).write_bytes(data)
        counts.append(site.run())
    site.check()
    log = site.read("processed_files_log")
    for status in ("LOADED", "DUPLICATE", "FAILED"):
        assert sum(found["files"][status] for found in counts) == sum(row["status"] == status for row in log) > 0
    assert sum(found["rows"] for found in counts) == len(site.read("iot_telemetry"))
    assert sum(found["rejected"] for found in counts) == len(site.read("rejected_records"))
    assert all(path.name in NAMES_LEFT for path in site.landing.iterdir())
    progress = [tables.progress(site.lake.root, table, site.lake.job) for table in job.OUTPUTS]
    assert site.run()["files"] == {"LOADED": 0, "DUPLICATE": 0, "FAILED": 0}
    assert progress == [tables.progress(site.lake.root, table, site.lake.job) for table in job.OUTPUTS]


class CrashError(Exception):
    """What a test throws between two steps."""


def crash(real: Callable[..., Any], *, after: bool, nth: int = 1) -> Callable[..., Any]:
    calls = [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == nth and not after:
            raise CrashError
        result = real(*args, **kwargs)
        if calls[0] == nth:
            raise CrashError
        return result

    return call


STEPS: dict[str, tuple[Any, str, int]] = {
    "claim": (claims, "_claimed", 2),
    "seal": (Batch, "seal", 1),
    "records": (Lake, "append", 1),
    "dead letters": (Lake, "append", 2),
    "log": (file_log, "append", 1),
    "move": (claims, "_moved", 2),
    "remove": (Batch, "remove", 1),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_around_any_step_is_caught_up_with(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    site.land(a=line() + b"x\n" + line(), b=b"no record", c=line() + b"x\n" + line(), d=line(note=1) + b"[]\n")
    owner, name, nth = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash(getattr(owner, name), after=after, nth=nth))
        with pytest.raises(CrashError):
            site.run("first")
    site.land(e=line(note=2))
    site.run("second")
    site.check()
    found = sorted((row["source_file"][len(PREFIX) :], row["position"]) for row in site.read("iot_telemetry"))
    assert found == [("a.json", 1), ("a.json", 3), ("d.json", 1), ("e.json", 1)]
    statuses = sorted((row["file_name"][len(PREFIX) :], row["status"]) for row in site.read("processed_files_log"))
    assert statuses == [
        ("a.json", "LOADED"),
        ("b.json", "FAILED"),
        ("c.json", "DUPLICATE"),
        ("d.json", "LOADED"),
        ("e.json", "LOADED"),
    ]
    assert len({row["record_id"] for row in site.read("rejected_records")}) == len(site.read("rejected_records")) == 2
    assert site.run("third")["files"] == {"LOADED": 0, "DUPLICATE": 0, "FAILED": 0}


def test_a_batch_that_waited_is_committed_after_whatever_was_committed_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.land(a=line())
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", crash(Lake.append, after=False))
        with pytest.raises(CrashError):
            site.run()
    passed = site.lake.new_stamp()
    reading = dict.fromkeys(SILVER.column_names) | {
        "truck_id": "X",
        "event_ts": instant(passed),
        "temperature": 1.0,
        "is_outlier": False,
        "source_file": "f",
        "_ingested_at": instant(passed),
        "_changed_at": instant(passed),
        "reading_date": date(2026, 1, 1),
    }
    tables.append_rows(site.lake.root, SILVER, [reading], app="silver_iot", stamp=passed)
    site.run()
    assert site.lake.progress(IOT_TELEMETRY) > passed
    assert [row["_ingested_at"] > instant(passed) for row in site.read("iot_telemetry")] == [True]


def test_a_sealed_batch_whose_files_changed_is_not_committed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.land(a=line())
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", crash(Lake.append, after=False))
        with pytest.raises(CrashError):
            site.run()
    (claimed,) = (site.home / "processing").glob("*/0.json")
    claimed.write_bytes(line(truck_id="OTHER45678"))
    with pytest.raises(Exception, match="has changed since it was hashed"):
        site.run()
    assert site.read("iot_telemetry") == []


def test_any_name_and_any_bytes_arrive_as_they_are(site: Site) -> None:
    names = [" ", "\n", "a'b\"c", "T10:00:00", "*?[]{}\\%#", "{{ 7*7 }}", "é", "e\u0301", "x" * 215]
    for number, name in enumerate(names):
        (site.landing / f"{PREFIX}{name}.json").write_bytes(line(truck_id=str(number)))
    (site.landing / f"{PREFIX}bytes.json").write_bytes(line() + b'{"a": "\\ \xff\x00"}\n')
    site.run()
    site.check()
    found = {row["truck_id"]: row["source_file"] for row in site.read("iot_telemetry")}
    assert all(found[str(number)] == f"{PREFIX}{name}.json" for number, name in enumerate(names))
    (letter,) = site.read("rejected_records")
    assert letter["raw_payload"] == '{"a": "\\\\ \\xff\x00"}'
    assert letter["source_key"] == f"{PREFIX}bytes.json:2"
    assert "not UTF-8" in letter["rejection_detail"]


def test_columns_are_typed_and_null_where_they_cannot_be(site: Site) -> None:
    values: list[dict[str, Any]] = [
        {"timestamp": "0001-01-01T00:00:00.000001Z"},
        {"timestamp": "9999-12-31T23:59:59.9999999Z"},
        {"timestamp": "2026-03-01T05:30:00.25+05:30", "latitude": 18.5, "longitude": -0.0},
        {"timestamp": " ", "truck_id": 7, "temperature": "7.5"},
    ]
    site.land(a=b"".join(line(**value) for value in values))
    site.run("run 7")
    rows = sorted(site.read("iot_telemetry"), key=lambda row: int(row["position"]))
    assert [row["event_ts"] for row in rows] == [
        datetime(1, 1, 1, microsecond=1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 1, microsecond=250000, tzinfo=UTC),
        None,
    ]
    assert [row["reading_date"] for row in rows] == [date(1, 1, 1), date(9999, 12, 31), date(2026, 3, 1), None]
    assert [row["schema_error"] is None for row in rows] == [True, True, True, False]
    assert (rows[2]["latitude"], rows[2]["temperature"], rows[2]["_run_id"]) == (18.5, 5.0, "run 7")
    assert [rows[3][name] for name in ("truck_id", "timestamp", "temperature")] == [None, None, None]
    assert json.loads(rows[3]["raw_payload"]) == SOUND | values[3]


def test_bytes_that_are_sound_as_they_are_and_decompressed_are_loaded_once(site: Site) -> None:
    zipped = gzip.compress(line(truck_id="INSIDE"))
    comment = b"\n" + line(truck_id="OUTSIDE") + b"\0"
    both = zipped[:3] + bytes([zipped[3] | 16]) + zipped[4:10] + comment + zipped[10:]
    site.land(a=both)
    (site.landing / f"{PREFIX}b.json.gz").write_bytes(both)
    assert site.run()["files"] == {"LOADED": 1, "DUPLICATE": 1, "FAILED": 0}
    assert [row["truck_id"] for row in site.read("iot_telemetry")] == ["OUTSIDE"]


def test_a_file_that_cannot_be_opened_goes_to_failed_and_the_others_are_loaded(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.land(a=line(truck_id="A"), b=line(truck_id="B"))

    def refused(path: Path) -> tuple[str, int]:
        if path.name == "0.json":
            raise PermissionError(13, "Permission denied", str(path))
        return digest(path)

    monkeypatch.setattr(claims, "digest", refused)
    found = site.run()
    assert (found["rows"], found["failed_files"]) == (1, [f"{PREFIX}a.json"])
    (warning,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("warning: ")]
    assert f"{PREFIX}a.json" in warning
    assert "Permission denied" in warning
    assert (site.home / "failed" / f"{PREFIX}a.json").exists()
    (failed,) = (row for row in site.read("processed_files_log") if row["status"] == "FAILED")
    assert failed["checksum_md5"] == ""
    assert "Permission denied" in failed["error"]


def test_few_but_long_records_do_not_pass_through_the_drivers_python(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("rows were fetched")

    monkeypatch.setattr(job, "_MOST_CHARACTERS", 1000)
    monkeypatch.setattr(Lake, "_few", refused)
    site.land(a=line(note="x" * 2000) + b"y" * 2000 + b"\n")
    found = site.run()
    assert (found["rows"], found["rejected"]) == (1, 1)
    site.check()


def test_a_file_that_may_not_be_moved_is_named_and_stops_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.land(a=line(truck_id="A"), b=line(truck_id="B"))
    claimed = claims._claimed
    name = f"{PREFIX}a.json"
    monkeypatch.setattr(claims, "_claimed", lambda s, t: "not permitted" if s.name == name else claimed(s, t))
    found = site.run()
    assert (found["rows"], found["left_files"], found["failed_files"]) == (1, [name], [])
    assert "cannot be moved" in capsys.readouterr().err
    assert (site.run()["left_files"], site.run()["rows"]) == ([name], 0)  # alone it stops nothing either
    monkeypatch.undo()
    assert (site.run()["rows"], site.read("processed_files_log")[-1]["status"]) == (1, "LOADED")


def test_where_there_is_nothing_to_do_no_table_is_touched(site: Site) -> None:
    assert site.run()["rows"] == 0
    assert not Path(site.lake.path(REJECTED_RECORDS)).exists()
