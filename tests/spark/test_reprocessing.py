"""What is sent again goes through the real jobs: in Silver once, its letter closed, whatever is killed or repeated."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from smart_logistics.deadletters import letters, lineage
from smart_logistics.deadletters.correction import Correction
from smart_logistics.deadletters.desk import Desk, State
from smart_logistics.deadletters.reprocess import NOTHING, reprocess
from smart_logistics.jobs import bronze_ingest_iot, silver_iot, silver_transactional
from smart_logistics.jobs.runner import Context
from smart_logistics.lake import file_log
from smart_logistics.lake.store import Lake
from tests.oracle.load import Lakehouse
from tests.spark.silver.builders import extract, row

_SETTINGS = {"SETTLE_SECONDS": 0, "MAX_CLOCK_SKEW_MINUTES": 10}
SOUND = {"truck_id": "MH12AB1234", "timestamp": "2026-03-01T00:00:00Z", "temperature": 5.0}


class CrashError(Exception):
    """What a test throws between two steps."""


class Site:
    """A home whose jobs are run one by one."""

    def __init__(self, spark: SparkSession, home: Path) -> None:
        self.lake = Lake(spark, str(home / "lakehouse"), "")
        self.tables = Lakehouse(home / "lakehouse")
        self.desk = Desk(self.lake.root, home / "landing", "asha", wait_seconds=1)
        self.desk.landing.mkdir()

    def land(self, name: str, *records: Any) -> None:
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        (self.desk.landing / f"iot_telemetry_20260301_{name}.json").write_text("\n".join(lines))

    def run(self, *jobs: Any) -> None:
        for job in jobs or (bronze_ingest_iot, silver_iot):
            self.lake.job = job.__name__.rsplit(".", 1)[1]
            job.run(Context(self.lake, "run", str(self.desk.landing), _SETTINGS))

    def letters(self) -> list[tuple[str, str, str]]:
        rows = self.tables.read("bronze.rejected_records")
        return sorted((r["rejection_reason"], r["reprocessing_status"], r["rejection_detail"]) for r in rows)

    def send(self, reason: str, correction: Correction = NOTHING) -> State:
        (letter,) = letters.find(self.lake.root, letters.Wanted(reason=reason))
        (outcome,) = reprocess(self.desk, [letter.record_id], correction)
        return outcome.state

    def readings(self) -> list[tuple[str, float]]:
        return sorted((r["truck_id"], r["temperature"]) for r in self.tables.read("silver.iot_telemetry"))


@pytest.fixture
def site(spark: SparkSession, tmp_path: Path) -> Site:
    return Site(spark, tmp_path)


def crash(owner: Any, name: str, nth: int, patch: pytest.MonkeyPatch, *, after: bool) -> None:
    real, calls = getattr(owner, name), [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == nth and not after:
            raise CrashError
        result = real(*args, **kwargs)
        if calls[0] == nth:
            raise CrashError
        return result

    patch.setattr(owner, name, call)


def test_corrected_records_are_in_silver_once_and_each_letter_says_what_became_of_it(site: Site) -> None:
    late = {"truck_id": "KA01", "timestamp": "2026-03-01T01:00:00Z", "temperature": 6.0}
    site.land("000000_a", SOUND, SOUND | {"truck_id": None, "temperature": 7.0}, "{broken", late | {"temperature": "?"})
    site.run()
    assert site.send("NULL_CRITICAL_FIELD", Correction(values={"truck_id": "DL01"})) is State.SENT
    assert site.send("MALFORMED_JSON", Correction(payload=json.dumps(SOUND | {"truck_id": "TN01"}))) is State.SENT
    assert site.send("SCHEMA_VALIDATION_FAILED", Correction(values={"temperature": "6"})) is State.SENT
    # The gateway brings the last one too, before ours is taken: ours is a repetition then.
    site.land("010000_b", late)
    site.run()
    assert site.readings() == [("DL01", 7.0), ("KA01", 6.0), ("MH12AB1234", 5.0), ("TN01", 5.0)]
    assert [(reason, status) for reason, status, _ in site.letters()] == [
        ("DUPLICATE_DETECTED", "PENDING"),
        ("MALFORMED_JSON", "REPROCESSED"),
        ("NULL_CRITICAL_FIELD", "REPROCESSED"),
        ("SCHEMA_VALIDATION_FAILED", "DISCARDED"),
    ]
    assert site.letters()[3][2].endswith("; sent again (asha); superseded")
    before = site.readings(), site.letters()
    ids = [r["record_id"] for r in site.tables.read("bronze.rejected_records")]
    assert {one.state for one in reprocess(site.desk, ids)} == {State.REFUSED, State.REJECTED}
    site.run()
    assert (site.readings(), site.letters()) == before


# Before a step is after the one that comes before it.
STEPS: dict[str, tuple[Any, str, int, bool]] = {
    "after Bronze's records": (Lake, "append", 1, True),
    "after the log of files": (file_log, "append", 1, True),
    "before the letter is closed": (Lake, "update", 1, False),
    "after the letter is closed": (Lake, "update", 1, True),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_of_the_jobs_adds_nothing_and_leaves_no_letter_open(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site.land("000000_a", SOUND, SOUND | {"truck_id": None})
    site.run()
    fix = Correction(values={"truck_id": "DL01"})
    assert site.send("NULL_CRITICAL_FIELD", fix) is State.SENT
    owner, name, nth, after = STEPS[step]
    with monkeypatch.context() as patch:
        crash(owner, name, nth, patch, after=after)
        with pytest.raises(CrashError):
            site.run()
    # Silver takes what Bronze committed even if the ingestion was killed before its log.
    site.run(silver_iot)
    ids = [r["record_id"] for r in site.tables.read("bronze.rejected_records")]
    assert reprocess(site.desk, ids, fix)[0].state in (State.WAITING, State.REFUSED)
    site.run()
    assert site.readings() == [("DL01", 5.0), ("MH12AB1234", 5.0)]
    assert [status for _, status, _ in site.letters()] == ["REPROCESSED"]


def _orders(site: Site) -> list[tuple[str, Decimal]]:
    return sorted((r["order_id"], r["total_amount"]) for r in site.tables.read("silver.orders"))


def test_corrected_rows_are_in_silver_once_and_an_orphan_made_of_one_waits_as_any(site: Site) -> None:
    extract(
        site.lake,
        customers=[row("customers")],
        orders=[
            row("orders", total_amount=Decimal("-1.00")),
            row("orders", order_id="O2", customer_id=9),
            row("orders", order_id="O3", customer_id=None),
        ],
    )
    site.run(silver_transactional)
    assert site.send("BUSINESS_RULE_VIOLATION", Correction(values={"total_amount": "1"})) is State.SENT
    assert site.send("INVALID_FOREIGN_KEY", Correction(values={"customer_id": "1"})) is State.SENT
    assert site.send("NULL_CRITICAL_FIELD", Correction(values={"customer_id": "9"})) is State.REJECTED
    # The source says the same once more before ours is judged: ours stays the latest valid version.
    extract(site.lake, orders=[row("orders", total_amount=Decimal("-1.00"))])
    site.run(silver_transactional)
    assert _orders(site) == [("O1", Decimal("1.00")), ("O2", Decimal("10.00"))]
    wanted = [
        ("BUSINESS_RULE_VIOLATION", "PENDING"),
        ("BUSINESS_RULE_VIOLATION", "REPROCESSED"),
        ("INVALID_FOREIGN_KEY", "REPROCESSED"),
        ("NULL_CRITICAL_FIELD", "PENDING"),
    ]
    assert [letter[:2] for letter in site.letters()] == wanted
    site.run(silver_transactional)
    assert [letter[:2] for letter in site.letters()] == wanted
    assert _orders(site) == [("O1", Decimal("1.00")), ("O2", Decimal("10.00"))]


@pytest.mark.parametrize("step", ["append", "update", "merge"])
def test_a_crash_while_a_corrected_row_is_judged_adds_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    extract(site.lake, customers=[row("customers")], orders=[row("orders", total_amount=Decimal("-1.00"))])
    site.run(silver_transactional)
    fix = Correction(values={"total_amount": "1"})
    site.send("BUSINESS_RULE_VIOLATION", fix)
    with monkeypatch.context() as patch:
        crash(Lake, step, 1, patch, after=True)
        with pytest.raises(CrashError):
            site.run(silver_transactional)
    ids = [r["record_id"] for r in site.tables.read("bronze.rejected_records")]
    assert reprocess(site.desk, ids, fix)[0].state in (State.WAITING, State.REFUSED)
    site.run(silver_transactional)
    assert _orders(site) == [("O1", Decimal("1.00"))]
    assert [status for _, status, _ in site.letters()] == ["REPROCESSED"]
    runs = [r["_run_id"] for r in site.tables.read("bronze.orders")]
    assert sum(run.startswith(lineage.RUN_PREFIX) for run in runs) == 1
