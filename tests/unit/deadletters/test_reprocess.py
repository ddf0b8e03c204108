"""Sending again: once, whatever is killed, repeated or running beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.bronze import EXTRACTED, PROCESSED_FILES_LOG, SOURCE_DELETES
from smart_logistics.deadletters import letters, lineage, reprocess
from smart_logistics.deadletters.correction import Correction, WrongCorrection
from smart_logistics.deadletters.desk import Outcome, State
from smart_logistics.errors import LockHeld
from smart_logistics.lake import locks, small, tables
from smart_logistics.sources import claim, landing
from tests.unit.deadletters.desk import AT, RECORD, Site, letter_id

TRUCK = Correction(values={"truck_id": "MH12AB1234"})
AMOUNT = Correction(values={"total_amount": "5"})


class CrashError(Exception):
    """What a test throws between two steps."""


def crash(*_: Any, **__: Any) -> None:
    raise CrashError


def send(site: Site, number: int, correction: Correction = reprocess.NOTHING, **options: Any) -> Outcome:
    (outcome,) = reprocess.reprocess(site.desk, [letter_id(number)], correction, **options)
    return outcome


def test_a_corrected_record_becomes_one_file_that_the_ingestion_takes(site: Site) -> None:
    site.reject(1)
    outcome = send(site, 1, TRUCK)
    assert outcome.state is State.SENT
    (name,) = site.landed()
    assert outcome.told == name
    assert landing.is_taken(name)
    assert lineage.letter_of_file(name) == letter_id(1)
    assert json.loads((site.desk.landing / name).read_text()) == RECORD | {lineage.FIELD: letter_id(1)}
    assert site.status(1) == ("REVIEWED", "truck_id is null or blank; sent again (asha)")


def test_a_dry_run_writes_nothing_and_says_what_would_be(site: Site) -> None:
    site.reject(1)
    version = DeltaTable(f"{site.lakehouse}/bronze/rejected_records").version()
    assert send(site, 1, TRUCK, dry_run=True).state is State.LOADABLE
    assert send(site, 1, dry_run=True).told == "NULL_CRITICAL_FIELD: truck_id is null or blank"
    assert site.landed() == []
    assert DeltaTable(f"{site.lakehouse}/bronze/rejected_records").version() == version


def test_what_would_be_rejected_again_is_not_sent_and_its_letter_stays(site: Site) -> None:
    site.reject(1)
    assert send(site, 1, Correction(values={"truck_id": "A", "temperature": "hot"})).state is State.REJECTED
    assert site.landed() == []
    assert site.status(1) == ("PENDING", "truck_id is null or blank")


def test_a_reading_that_silver_holds_is_not_sent_and_of_two_alike_one_is(site: Site) -> None:
    event_ts = datetime(2026, 10, 31, 10, tzinfo=UTC)
    site.keep("iot_telemetry", truck_id="MH12AB1234", event_ts=event_ts, temperature=1.0, source_file="f",
              reading_date=event_ts.date())  # fmt: skip
    site.reject(1)
    assert send(site, 1, TRUCK).told.startswith("DUPLICATE_DETECTED: repeats MH12AB1234")
    twin = {"raw_payload": json.dumps(RECORD | {"truck_id": " ab1 "}), "rejection_reason": "BUSINESS_RULE_VIOLATION"}
    ids = [site.reject(2, **twin), site.reject(3, **twin)]
    assert [one.state for one in reprocess.reprocess(site.desk, ids)] == [State.SENT, State.REJECTED]


def test_an_array_is_no_record_although_a_file_may_be_one(site: Site) -> None:
    site.reject(1, raw_payload=json.dumps([RECORD]), rejection_reason="MALFORMED_JSON", rejection_detail="an array")
    assert send(site, 1).told == "MALFORMED_JSON: an array"
    with pytest.raises(WrongCorrection):
        send(site, 1, TRUCK)
    assert send(site, 1, Correction(payload=json.dumps(RECORD, indent=1))).state is State.SENT


@pytest.mark.parametrize("step", ["fsync", "mark"])
def test_killed_around_the_rename_the_next_attempt_ends_with_one_file(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site.reject(1)
    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", crash)  # before the rename: a hidden file is left
        else:
            patch.setattr(letters, "mark", crash)
        with pytest.raises(CrashError):
            send(site, 1, TRUCK)
    assert send(site, 1, TRUCK).state is (State.SENT if step == "fsync" else State.WAITING)
    assert len([name for name in site.landed() if landing.is_taken(name)]) == 1
    assert site.status(1)[0] == "REVIEWED"


def _claimed(site: Site) -> None:
    assert claim.claim(site.desk.folders, site.landed(), 7, "r") is not None


def _logged(site: Site, status: str = "LOADED") -> None:
    (name,) = site.landed()
    (site.desk.landing / name).unlink()
    row = dict.fromkeys(PROCESSED_FILES_LOG.column_names) | {"file_name": name, "status": status}
    tables.append_rows(site.lakehouse, PROCESSED_FILES_LOG, [row | {"checksum_md5": "x", "processed_at": AT}])


@pytest.mark.parametrize("moved", [lambda _: None, _claimed, _logged], ids=["landing", "claimed", "in Bronze"])
def test_another_correction_is_not_sent_while_the_first_is_on_its_way(
    site: Site, moved: Callable[[Site], None]
) -> None:
    site.reject(1)
    send(site, 1, TRUCK)
    moved(site)
    before = site.landed()
    assert send(site, 1, Correction(values={"truck_id": "OTHER"})).state is State.WAITING
    assert site.landed() == before


def test_a_file_that_failed_or_was_taken_back_may_be_sent_again(site: Site) -> None:
    site.reject(1)
    send(site, 1, TRUCK)
    _logged(site, "FAILED")
    assert send(site, 1, TRUCK).state is State.SENT


def test_many_at_once_send_one_file(site: Site) -> None:
    site.reject(1)
    site.desk = replace(site.desk, wait_seconds=30)
    with ThreadPoolExecutor(4) as pool:
        states = [future.result().state for future in [pool.submit(send, site, 1, TRUCK) for _ in range(4)]]
    assert sorted(state.name for state in states) == ["SENT", "WAITING", "WAITING", "WAITING"]
    assert len(site.landed()) == 1


def test_a_running_job_is_waited_for_and_then_named(site: Site) -> None:
    site.reject(1)
    site.reject_order(2)
    for number, path in (
        (1, site.desk.folders.lock),
        (2, locks.of(site.lakehouse, "job.bronze_ingest_sql")),
    ):
        with locks.hold(path), pytest.raises(LockHeld, match="the pipeline is at work there, and nothing was changed"):
            send(site, number, TRUCK if number == 1 else AMOUNT)
    assert site.landed() == []
    # A consumer shares its producer's lock: silver_transactional keeps us out as well.
    with locks.hold(locks.of(site.lakehouse, "job.bronze_ingest_sql"), shared=True), pytest.raises(LockHeld):
        send(site, 2, AMOUNT)


def test_a_corrected_row_is_one_version_with_its_lineage_and_the_progress_of_its_extraction(site: Site) -> None:
    site.keep("customers", customer_id=1)
    site.reject_order(1)
    assert send(site, 1, AMOUNT).state is State.SENT
    assert send(site, 1, Correction(values={"total_amount": "7"})).state is State.WAITING
    _, added = sorted(site.rows("bronze.orders"), key=lambda row: row["_ingested_at"])
    assert (added["total_amount"], added["status"], added["_run_id"]) == (
        Decimal("5.00"), "Open", lineage.run_id(letter_id(1))
    )  # fmt: skip
    assert added["order_date"] == datetime(2026, 10, 30, tzinfo=UTC)
    progress = tables.progress(site.lakehouse, EXTRACTED["orders"], "bronze_ingest_sql")
    assert progress == round(added["_ingested_at"].timestamp() * 1_000_000)
    assert site.status(1)[0] == "REVIEWED"


@pytest.mark.parametrize("step", ["append", "mark"])
def test_killed_around_the_commit_the_next_attempt_ends_with_one_version(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site.keep("customers", customer_id=1)
    site.reject_order(1)
    with monkeypatch.context() as patch:
        patch.setattr(small if step == "append" else letters, step, crash)
        with pytest.raises(CrashError):
            send(site, 1, AMOUNT)
    send(site, 1, AMOUNT)
    assert len(site.rows("bronze.orders")) == 2
    assert site.status(1)[0] == "REVIEWED"


def test_a_row_whose_source_has_moved_on_is_left_to_it(site: Site) -> None:
    site.keep("customers", customer_id=1)
    for number in (1, 2, 3):
        site.reject_order(number)
    site.extract("orders", {"order_id": "O1", "customer_id": 1}, AT + timedelta(hours=1))
    gone = {"source_table": "orders", "source_key": "O2", "_ingested_at": AT + timedelta(hours=1), "_run_id": "r"}
    tables.append_rows(site.lakehouse, SOURCE_DELETES, [gone | {"_ingestion_date": AT.date()}])
    assert "newer version" in send(site, 1, AMOUNT).told
    assert "gone from the source" in send(site, 2, AMOUNT).told
    with pytest.raises(WrongCorrection, match="another key is another row"):
        send(site, 3, Correction(values={"order_id": "O9"}))
    site.reject_order(4, source_key="")
    assert "has no key" in send(site, 4, AMOUNT).told
    assert len(site.rows("bronze.orders")) == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("total_amount", "1.005"), ("total_amount", "much"), ("customer_id", "1.0"), ("order_date", "yesterday"),
     ("customer_id", "99999999999"), ("no_such", "1")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused(site: Site, field: str, value: str) -> None:
    site.reject_order(1)
    with pytest.raises(WrongCorrection, match=re.escape(field)):
        send(site, 1, Correction(values={field: value}))


def test_an_orphan_is_left_to_the_pipeline_and_a_corrected_one_is_sent(site: Site) -> None:
    site.reject_order(1, rejection_reason="INVALID_FOREIGN_KEY", raw_payload='{"order_id": "O1", "customer_id": 9}')
    assert send(site, 1).told == "INVALID_FOREIGN_KEY: customer_id=9 is not in customers; every run tries it again"
    site.keep("customers", customer_id=9)
    assert send(site, 1).told == "its parent is in Silver: the next run loads it"
    site.keep("customers", customer_id=1)
    assert send(site, 1, Correction(values={"customer_id": "1"})).state is State.SENT


def test_a_closed_letter_is_not_sent(site: Site) -> None:
    site.reject(1, reprocessing_status="REPROCESSED")
    assert send(site, 1, TRUCK).told == "is REPROCESSED"
    assert site.landed() == []
